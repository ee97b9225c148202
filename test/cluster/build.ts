import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './rig/command.ts'
import { exists } from './rig/files.ts'
import { markUsed } from './rig/keep.ts'
import { withLock } from './rig/lock.ts'
import { cache } from './rig/places.ts'
import { fail, RigError, say } from './rig/progress.ts'

/**
 * Builds the programs of the cluster from Go modules, as there is no image registry to pull them from.
 *
 * Each wrapper module under `binaries/` pins one upstream with a committed go.sum. A module's programs go to a folder
 * of the cache named after everything that decides their content, so a second build finds them and does nothing.
 */
interface WrapperModule {
  readonly name: string
  readonly packages: readonly string[]
  readonly linkerFlags?: string
  /** What a first build takes on two free cores, to tell whoever waits. */
  readonly coldMinutes: number
}

const kubernetesVersion = 'v1.35.4'
const helmVersionFlag = '-X helm.sh/helm/v4/internal/version.version=v4.3.1'
const pipeline = 'github.com/tektoncd/pipeline/cmd'

const modules = {
  kube: { name: 'kube', packages: ['.'], linkerFlags: kubernetesVersionFlags(), coldMinutes: 6 },
  etcd: { name: 'etcd', packages: ['go.etcd.io/etcd/server/v3'], coldMinutes: 0.5 },
  tekton: {
    name: 'tekton',
    packages: ['controller', 'webhook', 'entrypoint', 'nop', 'workingdirinit', 'sidecarlogresults'].map(
      (program) => `${pipeline}/${program}`,
    ),
    coldMinutes: 2.5,
  },
  triggers: {
    name: 'triggers',
    packages: ['github.com/tektoncd/triggers/cmd/eventlistenersink'],
    coldMinutes: 0.5,
  },
  helm: { name: 'helm', packages: ['helm.sh/helm/v4/cmd/helm'], linkerFlags: helmVersionFlag, coldMinutes: 1.5 },
} satisfies Record<string, WrapperModule>

export type ModuleName = keyof typeof modules

export interface BuiltModule {
  /** Folder of the programs. */
  readonly directory: string
  /** Changes with anything that could change the programs. */
  readonly key: string
}

/** What the rig and its tests need. */
export const rigModules: readonly ModuleName[] = ['etcd', 'tekton', 'triggers', 'helm', 'kube']

/** Builds what is not built yet, one module at a time: `go build` uses every core by itself. */
export async function buildBinaries(
  names: readonly ModuleName[] = rigModules,
): Promise<Readonly<Record<ModuleName, BuiltModule>>> {
  const goVersion = await run('go', ['env', 'GOVERSION', 'GOARCH']).catch(() => {
    throw new RigError('Go is needed to build the cluster: install Go 1.26 and put `go` in PATH')
  })
  const built = {} as Record<ModuleName, BuiltModule>
  for (const name of names) built[name] = await buildModule(modules[name], goVersion)
  return built
}

/** Where Go keeps the sources of a module's dependency; Tekton's manifests are read from there. */
export async function moduleSources(name: ModuleName, dependency: string): Promise<string> {
  const cwd = wrapperDirectory(name)
  await run('go', ['mod', 'download', dependency], { cwd })
  return (await run('go', ['list', '-mod=readonly', '-m', '-f', '{{.Dir}}', dependency], { cwd })).trim()
}

async function buildModule(module: WrapperModule, goVersion: string): Promise<BuiltModule> {
  const key = await moduleKey(module, goVersion)
  const directory = join(cache, 'bin', `${module.name}-${key}`)
  if (await exists(directory)) {
    await markUsed(directory)
    return { directory, key }
  }
  return withLock(`build-${module.name}`, async () => {
    if (!(await exists(directory))) await compile(module, directory)
    return { directory, key }
  })
}

async function compile(module: WrapperModule, directory: string): Promise<void> {
  const began = performance.now()
  const unfinished = `${directory}.unfinished`
  let compiled = 0
  const tell = (): void => {
    const seconds = Math.round((performance.now() - began) / 1000)
    say(`building ${module.name}: ${compiled} packages, ${seconds} s (cold: about ${module.coldMinutes} min)`)
  }
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(unfinished, { recursive: true })
  tell()
  const heartbeat = setInterval(tell, 20_000)
  try {
    const ldflags = `-s -w ${module.linkerFlags ?? ''}`
    const args = ['build', '-v', '-mod=readonly', '-trimpath', '-buildvcs=false', '-ldflags', ldflags, '-o']
    // niced: a build of minutes must not starve an editor or a test run beside it
    await run('nice', ['-n', '5', 'go', ...args, `${unfinished}/`, ...module.packages], {
      cwd: wrapperDirectory(module.name),
      env: { ...process.env, CGO_ENABLED: '0' },
      onLine: () => {
        compiled += 1
      },
    })
  } finally {
    clearInterval(heartbeat)
  }
  // Go names a program after its folder, and etcd's is called "server"
  if (module.name === 'etcd') await rename(join(unfinished, 'server'), join(unfinished, 'etcd'))
  await rename(unfinished, directory)
  say(`built ${module.name} in ${Math.round((performance.now() - began) / 1000)} s`)
}

async function moduleKey(module: WrapperModule, goVersion: string): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify([goVersion, module.packages, module.linkerFlags ?? '']))
  for (const file of (await readdir(wrapperDirectory(module.name))).sort()) {
    hash.update(file).update(await readFile(join(wrapperDirectory(module.name), file)))
  }
  return hash.digest('hex').slice(0, 12)
}

function wrapperDirectory(name: string): string {
  return join(import.meta.dirname, 'binaries', name)
}

// A component that says "v0.0.0-master" is refused by clients that check the server's version, Tekton's among them.
function kubernetesVersionFlags(): string {
  const [major = '', minor = ''] = kubernetesVersion.slice(1).split('.')
  const values = {
    gitVersion: kubernetesVersion,
    gitMajor: major,
    gitMinor: minor,
    gitTreeState: 'clean',
    gitCommit: '0'.repeat(40),
    buildDate: '2026-01-01T00:00:00Z',
  }
  return Object.entries(values)
    .flatMap(([key, value]) =>
      ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].map((path) => `-X ${path}.${key}=${value}`),
    )
    .join(' ')
}

if (import.meta.main) {
  const asked = process.argv.slice(2) as ModuleName[]
  const unknown = asked.filter((name) => !(name in modules))
  if (unknown.length > 0) fail(new RigError(`no such module: ${unknown}; there are ${Object.keys(modules).join(', ')}`))
  buildBinaries(asked.length > 0 ? asked : rigModules).then(
    (built) => process.stdout.write(`${JSON.stringify(built, undefined, 2)}\n`),
    fail,
  )
}
