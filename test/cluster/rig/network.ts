import { mkdir, realpath, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { run } from './command.ts'
import { bridge, hostAddress, serviceRange, state } from './places.ts'

/**
 * Folders that some component writes to wherever it is told to put its files: shim sockets and network namespaces
 * under /run, log links under /var/log, address caches and plugin sockets under /var/lib. Inside the rig each is empty
 * memory, so the machine sees none of it.
 */
const privateFolders = ['/run', '/var/log', ...createdFolders()]

/** Those of them that a machine usually does not have; whoever opens the namespaces makes and removes them. */
export function createdFolders(): readonly string[] {
  return ['/var/lib/cni', '/var/lib/kubelet']
}

/** Hides what the components would leave behind, and lets host processes resolve the names that pods resolve. */
export async function hideTraces(): Promise<void> {
  const resolver = join(state, 'resolv.conf')
  const search = 'search svc.cluster.local cluster.local'
  await writeFile(resolver, `nameserver ${hostAddress}\n${search}\noptions ndots:5 timeout:2\n`)
  const inUse = await realpath('/etc/resolv.conf').catch(() => '/etc/resolv.conf')
  for (const folder of privateFolders) await run('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'rig', folder])
  // the file may be a link into one of the folders that have just been emptied
  await mkdir(dirname(inUse), { recursive: true })
  await writeFile(inUse, '', { flag: 'a' })
  await run('mount', ['--bind', resolver, inUse])
}

/** The bridge of the pods, with the address that stands for everything outside them. */
export async function createBridge(): Promise<void> {
  for (const command of [
    'link set lo up',
    `link add ${bridge} type bridge`,
    `addr add ${hostAddress}/24 dev ${bridge}`,
    `link set ${bridge} up`,
    // kube-proxy's rules see a packet only after a route has been found for it
    `route add ${serviceRange} dev ${bridge}`,
  ]) {
    await run('ip', command.split(' '))
  }
  await writeFile('/proc/sys/net/ipv4/ip_forward', '1')
}
