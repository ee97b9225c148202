/** Code that Node and undici put on their errors, such as `ECONNREFUSED`; the part of a foreign error that is safe to show. */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[A-Z0-9_]{1,64}$/.test(code) ? code : undefined
}

/** Codes of a client that was closed under the call: no reason to try again. */
export function isClosedClient(error: unknown): boolean {
  const code = errorCode(error)
  return code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED'
}
