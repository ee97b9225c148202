/**
 * Settings of the process that undo what the broker relies on: TLS that checks nothing, a debugger, request dumps.
 *
 * @returns what is wrong, each a sentence with the mend; empty when the environment is safe
 */
export function unsafeEnvironment(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const problems: string[] = []
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0') {
    problems.push('NODE_TLS_REJECT_UNAUTHORIZED=0 turns certificate checks off: unset it and configure a CA')
  }
  if (/--(?:inspect|insecure-http-parser|tls-min-v1\.[01])/.test(env['NODE_OPTIONS'] ?? '')) {
    problems.push('NODE_OPTIONS opens a debugger or weakens a protocol: take that option out')
  }
  for (const name of ['NODE_DEBUG', 'DEBUG']) {
    if (env[name]) problems.push(`${name} prints requests with their credentials: unset it`)
  }
  return problems
}
