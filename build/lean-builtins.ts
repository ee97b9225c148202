import type { Plugin } from 'esbuild'

/**
 * Loads `node:http` and `node:https` without their ES module face. That face reads every export once, and among those of
 * `node:http` are `WebSocket` and its events, behind which Node loads a whole HTTP client: 14 MiB of resident memory in
 * every pod for something that nobody uses (Node 26, measured by VmRSS of a process that only imports it).
 */
export const leanBuiltins: Plugin = {
  name: 'lean-builtins',
  setup(build) {
    build.onResolve({ filter: /^(?:node:)?https?$/ }, ({ path, kind }) =>
      kind === 'import-statement'
        ? { path: path.replace(/^(?:node:)?/, 'node:'), namespace: 'lean-builtin' }
        : undefined,
    )
    build.onLoad({ filter: /.*/, namespace: 'lean-builtin' }, ({ path }) => ({
      // CommonJS on purpose: esbuild then reads a property only where it is used.
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)})`,
      loader: 'js',
    }))
  },
}
