import { Problem } from '../problem.ts'
import { scopeTokenPattern } from './vocabulary.ts'

const maxScopes = 64
const maxScopeLength = 128

/**
 * Reads a `scope` parameter into its distinct, sorted scopes.
 *
 * @throws Problem `scope_malformed` for repeated scopes, double spaces, characters beyond the grammar
 * @see RFC 6749 §3.3
 */
export function parseScope(text: string): readonly string[] {
  const scopes = text.split(' ')
  const isValid = scopes.every((scope) => scope.length <= maxScopeLength && scopeTokenPattern.test(scope))
  if (!isValid || scopes.length > maxScopes || new Set(scopes).size !== scopes.length) {
    throw new Problem('scope_malformed', { detail: 'repeated, over-long or malformed scopes' })
  }
  return scopes.sort()
}
