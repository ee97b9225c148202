import { z } from 'zod'
import type { KindDefinition } from './kind.ts'

/**
 * A resource without objects: it exists so that `kubectl auth can-i exchange tokenscopes/…` and
 * `kubectl create role --resource=tokenscopes` know the name. Its schema admits nothing.
 */
export const tokenScope = {
  kind: 'TokenScope',
  plural: 'tokenscopes',
  singular: 'tokenscope',
  shortNames: [],
  scope: 'Namespaced',
  spec: z.strictObject({}).describe('Nothing: scopes are named in Roles as resourceNames, <provider>:<scope>.'),
  status: undefined,
  rules: [
    {
      rule: 'false',
      message: 'tokenscopes hold no objects: name <provider>:<scope> as a resourceName in a Role with verb exchange',
      fieldPath: '',
    },
  ],
  columns: [],
} as const satisfies KindDefinition

/** `resourceName` of a scope in RBAC rules. */
export function scopeResourceName(provider: string, scope: string): string {
  return `${provider}:${scope}`
}
