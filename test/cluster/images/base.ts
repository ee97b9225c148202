import { chmod, copyFile, cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../rig/command.ts'
import { RigError } from '../rig/progress.ts'
import type { ImageConfig } from './archive.ts'

/** What goes into an image: fills an empty root folder and says how the image starts. */
export type Recipe = (root: string) => Promise<ImageConfig>

/** Holds a pod's namespaces open. Any process that never ends will do; no compiler is needed for this one. */
export const pause: Recipe = async (root) => {
  await mkdir(join(root, 'bin'), { recursive: true })
  await copyFile(await busyboxProgram(), join(root, 'bin', 'busybox'))
  return { Entrypoint: ['/bin/busybox', 'sleep', '2147483647'] }
}

/** A shell with the usual tools, for steps; also Tekton's shell image. */
export const busybox: Recipe = async (root) => {
  await skeleton(root)
  await installBusybox(root)
  return { Cmd: ['/bin/sh'] }
}

/** One of Tekton's own programs, at the path its ko-built image has it. */
export function tektonProgram(directory: string, program: string): Recipe {
  return async (root) => {
    await mkdir(join(root, 'ko-app'), { recursive: true })
    await copyFile(join(directory, program), join(root, 'ko-app', program))
    return { Entrypoint: [`/ko-app/${program}`] }
  }
}

/** Libraries that the official Node program is linked against, and the root certificates. */
const nodePackages = ['base-files', 'ca-certificates', 'libatomic1', 'libc6', 'libgcc-s1', 'libstdc++6']

/**
 * A small stand-in for the `node` image of a registry: Debian's libraries, a busybox shell, and the very Node
 * program that runs this process. The product's Dockerfiles take it as their `BASE`.
 */
export const nodeBase: Recipe = async (root) => {
  await unpackPackages(root, nodePackages)
  await bundleRootCertificates(root)
  await installBusybox(root)
  await mkdir(join(root, 'usr/local/bin'), { recursive: true })
  await copyFile(process.execPath, join(root, 'usr/local/bin/node'))
  return { Cmd: ['node'], Env: [`PATH=${searchPath}`, `NODE_VERSION=${process.versions.node}`] }
}

/** A stand-in for the `curl` image of a registry: Debian's curl with what it is linked against, and a busybox shell. */
export const curl: Recipe = async (root) => {
  await installDebian(root, ['curl'])
  return { Cmd: ['curl', '--help'], User: '100' }
}

/** What Tasks of a catalog call: a stand-in for the images of git, Skopeo and the AWS command line. */
export const tools: Recipe = async (root) => {
  await installDebian(root, ['git', 'skopeo', 'awscli'])
  return { Cmd: ['/bin/sh'] }
}

/** Packages with everything that they need, as on a system where nothing is installed yet, and a busybox shell. */
async function installDebian(root: string, names: readonly string[]): Promise<void> {
  const simulation = ['--simulate', '--no-install-recommends', '-qq', '-o', 'Dir::State::status=/dev/null']
  const plan = await run('apt-get', [...simulation, 'install', 'base-files', 'ca-certificates', ...names])
  const packages = [...plan.matchAll(/^Inst (\S+)/gm)].map((match) => match[1] ?? '')
  await unpackPackages(root, packages)
  await bundleRootCertificates(root)
  await installBusybox(root)
}

/** Puts the files of Debian packages under a root, without their scripts, and a skeleton around them. */
async function unpackPackages(root: string, packages: readonly string[]): Promise<void> {
  const downloads = await mkdtemp(`${root}.packages-`)
  try {
    await run('apt-get', ['download', '-qq', '-o', 'APT::Sandbox::User=root', ...packages], { cwd: downloads })
    for (const file of await readdir(downloads)) await run('dpkg-deb', ['-x', join(downloads, file), root])
  } finally {
    await rm(downloads, { recursive: true, force: true })
  }
  // after the packages: newer releases make /bin a link, which may not meet a folder
  await skeleton(root)
  for (const folder of ['usr/share/doc', 'usr/share/man', 'usr/share/lintian']) {
    await rm(join(root, folder), { recursive: true, force: true })
  }
}

const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

async function skeleton(root: string): Promise<void> {
  for (const folder of ['bin', 'etc', 'home', 'root', 'tmp', 'var/run'])
    await mkdir(join(root, folder), { recursive: true })
  await chmod(join(root, 'tmp'), 0o1777)
  const users = [
    'root:x:0:0:root:/root:/bin/sh',
    'node:x:1000:1000:node:/home/node:/bin/sh',
    'nobody:x:65534:65534:nobody:/:/bin/sh',
  ]
  await writeFile(join(root, 'etc/passwd'), `${users.join('\n')}\n`)
  await writeFile(join(root, 'etc/group'), 'root:x:0:\nnode:x:1000:\nnogroup:x:65534:\n')
  await mkdir(join(root, 'home/node'), { recursive: true })
}

async function installBusybox(root: string): Promise<void> {
  const directory = join(root, 'bin')
  const program = await busyboxProgram()
  await cp(program, join(directory, 'busybox'), { dereference: true })
  for (const name of (await run(program, ['--list'])).trim().split('\n')) {
    if (name !== 'busybox') await linkWhereFree('busybox', join(directory, name))
  }
  // where scripts look for it
  await mkdir(join(root, 'usr/bin'), { recursive: true })
  await linkWhereFree('../../bin/busybox', join(root, 'usr/bin/env'))
}

/** What a package brought stays. */
async function linkWhereFree(target: string, path: string): Promise<void> {
  await symlink(target, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
}

async function busyboxProgram(): Promise<string> {
  const file = (await run('sh', ['-c', 'command -v busybox'])).trim()
  if (!file) throw new RigError('busybox is missing: apt-get install busybox-static')
  return file
}

// the package's own script, which would write this bundle, runs only on installation
async function bundleRootCertificates(root: string): Promise<void> {
  await mkdir(join(root, 'etc/ssl/certs'), { recursive: true })
  await run(
    'sh',
    ['-c', 'find usr/share/ca-certificates -name "*.crt" | sort | xargs cat > etc/ssl/certs/ca-certificates.crt'],
    { cwd: root },
  )
}
