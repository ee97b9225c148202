import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Image } from '../images/image.ts'
import { run } from './command.ts'
import { liesOnOverlay } from './files.ts'
import { bridge, hostAddress, podRange } from './places.ts'
import type { Component } from './supervisor.ts'

/** A containerd of our own; nothing of the distribution's under /etc and /var/lib is used. */
export interface Containerd {
  readonly root: string
  readonly socket: string
  readonly component: Component
}

/** Writes the configuration of a containerd that keeps everything under `directory` and its images in `root`. */
export async function configureContainerd(directory: string, root: string): Promise<Containerd> {
  const network = join(directory, 'cni')
  await mkdir(network, { recursive: true })
  const socket = join(directory, 'containerd.sock')
  const configuration = join(directory, 'containerd.toml')
  await mkdir(root, { recursive: true })
  const driver = (await liesOnOverlay(root)) ? 'native' : 'overlayfs'
  await writeFile(
    join(network, '10-bridge.conflist'),
    JSON.stringify(networkConfiguration(join(directory, 'addresses'))),
  )
  await writeFile(configuration, containerdConfiguration({ directory, root, socket, network, driver }))
  return { root, socket, component: { name: 'containerd', command: 'containerd', args: ['-c', configuration] } }
}

export async function importImage(socket: string, image: Image): Promise<void> {
  await run('ctr', ['-a', socket, '-n', 'k8s.io', 'images', 'import', image.archive])
}

/** Whether containerd answers. */
export async function containerdAnswers(socket: string): Promise<true> {
  await run('ctr', ['-a', socket, 'version'])
  return true
}

/** One bridge, and no masquerading: a pod reaches this machine's rig and nothing beyond it. */
function networkConfiguration(dataDir: string): unknown {
  const ipam = {
    type: 'host-local',
    dataDir,
    ranges: [[{ subnet: podRange, gateway: hostAddress }]],
    routes: [{ dst: '0.0.0.0/0' }],
  }
  return {
    cniVersion: '0.4.0',
    name: 'pods',
    plugins: [
      { type: 'bridge', bridge, isGateway: true, ipMasq: false, hairpinMode: true, ipam },
      { type: 'loopback' },
    ],
  }
}

interface Settings {
  readonly directory: string
  readonly root: string
  readonly socket: string
  readonly network: string
  readonly driver: string
}

function containerdConfiguration({ directory, root, socket, network, driver }: Settings): string {
  const unused = [
    'io.containerd.snapshotter.v1.aufs',
    'io.containerd.snapshotter.v1.btrfs',
    'io.containerd.snapshotter.v1.devmapper',
    'io.containerd.snapshotter.v1.zfs',
    'io.containerd.tracing.processor.v1.otlp',
    'io.containerd.internal.v1.tracing',
  ]
  return `version = 2
root = ${JSON.stringify(root)}
state = ${JSON.stringify(join(directory, 'state'))}
disabled_plugins = ${JSON.stringify(unused)}
[grpc]
  address = ${JSON.stringify(socket)}
[plugins."io.containerd.internal.v1.opt"]
  path = ${JSON.stringify(join(directory, 'opt'))}
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  # sandboxes ask for an OOM score that only CAP_SYS_RESOURCE may give
  restrict_oom_score_adj = true
  disable_apparmor = true
  enable_selinux = false
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = ${JSON.stringify(network)}
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = ${JSON.stringify(driver)}
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
`
}
