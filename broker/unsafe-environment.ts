/** Options of Node that open a debugger, write secrets somewhere or weaken a protocol. */
const unsafeOptions = /^--(?:inspect|insecure-http-parser|tls-min-v1\.[01]|tls-keylog|trace-tls|heapsnapshot-)/

interface Start {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Node's own options of the command line. */
  readonly execArgv: readonly string[]
}

/**
 * Settings of the process that undo what the broker relies on: TLS that checks nothing, a debugger, request dumps.
 *
 * @returns what is wrong, each a sentence with the mend; empty when the environment is safe
 */
export function unsafeEnvironment({ env, execArgv }: Start): readonly string[] {
  const problems: string[] = []
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0') {
    problems.push('NODE_TLS_REJECT_UNAUTHORIZED=0 turns certificate checks off: unset it and configure a CA')
  }
  if ((env['NODE_OPTIONS'] ?? '').split(/[\s"']+/).some(isUnsafe)) {
    problems.push('NODE_OPTIONS opens a debugger, writes secrets or weakens a protocol: take that option out')
  }
  if (execArgv.some(isUnsafe)) {
    problems.push('An option of node opens a debugger, writes secrets or weakens a protocol: take that option out')
  }
  for (const name of ['NODE_DEBUG', 'NODE_DEBUG_NATIVE', 'DEBUG']) {
    if (env[name]) problems.push(`${name} prints requests with their credentials: unset it`)
  }
  return problems
}

/** Node takes underscores for dashes. */
function isUnsafe(option: string): boolean {
  return unsafeOptions.test(option.replaceAll('_', '-'))
}
