import { delimiter, join } from 'node:path'
import { run } from './command.ts'
import { exists } from './files.ts'
import { RigError, say } from './progress.ts'

const { PATH = '' } = process.env

/** What the rig takes from the distribution: Debian package and a file that shows it is there. */
const needed: Readonly<Record<string, string>> = {
  containerd: 'containerd',
  runc: 'runc',
  'containernetworking-plugins': '/usr/lib/cni/bridge',
  iptables: 'iptables',
  conntrack: 'conntrack',
  buildah: 'buildah',
  'busybox-static': 'busybox',
  openssl: 'openssl',
  iproute2: 'ip',
}

/** Installs the missing packages, or says how to. */
export async function ensurePackages(): Promise<void> {
  if (process.platform !== 'linux')
    throw new RigError('the cluster rig runs on Linux only; set KUBECONFIG to use another')
  if (process.getuid?.() !== 0) {
    throw new RigError('the cluster rig makes namespaces and runs containers: run it as root, or set KUBECONFIG')
  }
  const missing: string[] = []
  for (const [name, file] of Object.entries(needed)) if (!(await present(file))) missing.push(name)
  if (missing.length === 0) return
  const install = ['install', '-y', '--no-install-recommends', ...missing]
  say(`installing ${missing.join(', ')}`)
  // containerd's package would start a daemon where there is an init system; nobody here needs that one
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' }
  try {
    await run('apt-get', ['update', '-qq'], { env })
    await run('apt-get', install, { env })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new RigError(
      `these packages are missing: ${missing.join(' ')}\nmend: apt-get ${install.join(' ')}\n${reason}`,
    )
  }
}

async function present(file: string): Promise<boolean> {
  const places = file.startsWith('/') ? [''] : [...PATH.split(delimiter), '/usr/sbin', '/sbin']
  for (const place of places) {
    if (await exists(join(place, file))) return true
  }
  return false
}
