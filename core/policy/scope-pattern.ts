/**
 * Whether one scope is meant by a pattern of a policy or provider. A pattern is an exact scope, or one in which whole
 * segments are `*`: it stands for one segment that is not empty, never for a separator (`:` or `/`), so that
 * `repo:*:read` means `repo:website:read` and neither `repo:read` nor `repo:a/b:read`.
 */
export function matchesScope(pattern: string, scope: string): boolean {
  if (!isScopeGlob(pattern)) return pattern === scope
  const wanted = pattern.split(separator)
  const found = scope.split(separator)
  return wanted.length === found.length && wanted.every((part, at) => matchesPart(part, found[at] ?? ''))
}

/** Whether a pattern stands for more than one scope; it then has no default scopes. */
export function isScopeGlob(pattern: string): boolean {
  return pattern.includes('*')
}

/** Whether some pattern of a list means the scope. */
export function matchesSomeScope(patterns: readonly string[], scope: string): boolean {
  return patterns.some((pattern) => matchesScope(pattern, scope))
}

/** Whether two patterns have a scope in common. */
export function overlaps(a: string, b: string): boolean {
  const [parts, others] = [a.split(separator), b.split(separator)]
  return parts.length === others.length && parts.every((part, at) => shareText(part, others[at] ?? ''))
}

/** Splits into segments and the separators between them, which have to be the same. */
const separator = /([:/])/

function matchesPart(wanted: string, found: string): boolean {
  // A star that is asked for means whatever the provider takes it for: no glob gives that away.
  return wanted === '*' ? found !== '' && !found.includes('*') : wanted === found
}

function shareText(a: string, b: string): boolean {
  return a === b || (a === '*' && b !== '') || (b === '*' && a !== '')
}
