import { existsSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { leanBuiltins } from './lean-builtins.ts'
import { leanKubernetes } from './lean-kubernetes.ts'

/**
 * Bundles the entry points of one image: `node build/bundle.ts broker|task [--outdir dist/<image>]`.
 *
 * One file per process and a few that they share: half the memory and half the start time of loading from node_modules,
 * and an image without npm. Done on the host, so that the images build without a network.
 */
const images: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  broker: {
    broker: 'broker/main.ts',
  },
  task: {
    controller: 'custom-task/controller/main.ts',
    webhook: 'custom-task/webhook/main.ts',
    sidecar: 'custom-task/sidecar/main.ts',
    gate: 'custom-task/sidecar/gate.ts',
    cli: 'custom-task/cli/main.ts',
  },
}

const root = join(import.meta.dirname, '..')

/** CommonJS dependencies call `require` for Node's own modules, which an ES module does not have. */
const banner = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"

const { values, positionals } = parseArgs({ options: { outdir: { type: 'string' } }, allowPositionals: true })
const [image = '', ...rest] = positionals
const entries = images[image]
if (entries === undefined || rest.length > 0) {
  process.stderr.write(`Usage: node build/bundle.ts ${Object.keys(images).join('|')} [--outdir <directory>]\n`)
  process.exit(2)
}
await bundle(entries, values.outdir ?? join(root, 'dist', image))

async function bundle(all: Readonly<Record<string, string>>, outdir: string): Promise<void> {
  const present = Object.entries(all).filter(([, source]) => existsSync(join(root, source)))
  await rm(outdir, { recursive: true, force: true })
  await mkdir(outdir, { recursive: true })
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(present),
    outdir,
    bundle: true,
    // What is imported on demand stays in a file of its own: the Kubernetes library, which a pod never loads (25 MiB).
    splitting: true,
    chunkNames: '[name]-[hash]',
    platform: 'node',
    target: 'node26',
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    plugins: [leanBuiltins, leanKubernetes],
    banner: { js: banner },
    // Names stay, as readable stack traces are worth more than the last kilobytes.
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    sourcemap: false,
    metafile: true,
    logLevel: 'warning',
  })
  for (const [path, { bytes }] of Object.entries(metafile.outputs)) {
    process.stdout.write(`${path} ${Math.ceil(bytes / 1024)} KiB\n`)
  }
}
