import { mkdir, realpath, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { run } from './command.ts'
import { bridge, cache, hostAddress, serviceRange, state } from './places.ts'
import { RigError } from './progress.ts'

/**
 * Hides what components leave wherever they are told to put their files: shim sockets and network namespaces under
 * /run, log links under /var/log, address caches and plugin sockets under /var/lib. Writes go to memory instead, and
 * with the namespace. Host processes get to resolve the names that pods resolve.
 */
export async function hideTraces(): Promise<void> {
  if (cache.startsWith('/var/lib/')) throw new RigError('the cache may not lie in /var/lib: set XDG_CACHE_HOME')
  const resolver = join(state, 'resolv.conf')
  const search = 'search svc.cluster.local cluster.local'
  await writeFile(resolver, `nameserver ${hostAddress}\n${search}\noptions ndots:5 timeout:2\n`)
  const inUse = await realpath('/etc/resolv.conf').catch(() => '/etc/resolv.conf')
  for (const folder of ['/run', '/var/log']) await mountMemory(folder)
  await coverWithMemory('/var/lib')
  // the file may be a link into one of the folders that have just been emptied
  await mkdir(dirname(inUse), { recursive: true })
  await writeFile(inUse, '', { flag: 'a' })
  await run('mount', ['--bind', resolver, inUse])
}

async function mountMemory(folder: string): Promise<void> {
  await run('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'rig', folder])
}

// what is there stays readable, as the distribution keeps its own things there too
async function coverWithMemory(folder: string): Promise<void> {
  const memory = join(state, 'cover')
  await mkdir(memory, { recursive: true })
  await mountMemory(memory)
  const [upper, work] = [join(memory, 'upper'), join(memory, 'work')]
  await mkdir(upper)
  await mkdir(work)
  await run('mount', ['-t', 'overlay', '-o', `lowerdir=${folder},upperdir=${upper},workdir=${work}`, 'rig', folder])
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
