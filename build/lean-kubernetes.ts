import { dirname } from 'node:path'
import type { Plugin } from 'esbuild'

/**
 * Leaves the classes of the Kubernetes API out of the bundles, 5 MB that nothing uses: of the library only `KubeConfig` is
 * wanted, which reads kubeconfig files. Its module asks for two names of the generated code; if another release of the
 * library asks for more, the bundle is not built.
 */
export const leanKubernetes: Plugin = {
  name: 'lean-kubernetes',
  setup(build) {
    build.onResolve({ filter: /^@kubernetes\/client-node$/ }, ({ kind, resolveDir }) =>
      build.resolve('@kubernetes/client-node/dist/config.js', { kind, resolveDir }),
    )
    build.onLoad({ filter: /[\\/]client-node[\\/]dist[\\/]gen[\\/]index\.js$/ }, ({ path }) => ({
      contents:
        "export { createConfiguration } from './configuration.js'\nexport { ServerConfiguration } from './servers.js'",
      resolveDir: dirname(path),
    }))
  },
}
