import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const root = join(import.meta.dirname, '../..')

/** The files that an image holds: what is shipped is what is measured, not the sources behind a loader. */
export interface Bundle extends Disposable {
  path(name: string): string
}

export function bundle(image: 'broker' | 'task'): Bundle {
  const directory = mkdtempSync(join(tmpdir(), 'tokenbroker-bench-bundle-'))
  execFileSync(process.execPath, [join(root, 'build/bundle.ts'), image, '--outdir', directory], { stdio: 'pipe' })
  return {
    path: (name) => join(directory, `${name}.mjs`),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  }
}

/**
 * The same, looking for its ServiceAccount in `mount` in place of the directory where a kubelet puts it. With a kubeconfig
 * it would load the Kubernetes library, 50 MiB that nothing in a cluster has.
 */
export function bundleInCluster(image: 'broker' | 'task', mount: string): Bundle {
  const built = bundle(image)
  const directory = dirname(built.path(image))
  for (const name of readdirSync(directory)) {
    const file = join(directory, name)
    const text = readFileSync(file, 'utf8').replaceAll('/var/run/secrets/kubernetes.io/serviceaccount', mount)
    writeFileSync(file, text)
  }
  return built
}
