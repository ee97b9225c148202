/**
 * What a process that a test starts is given of this one's environment: nothing that could change what it does, and the
 * cache of compiled code that makes its start twice as fast.
 */
export function childEnvironment(): Readonly<Record<string, string>> {
  const names = ['PATH', 'NODE_COMPILE_CACHE'] as const
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  )
}
