import type { Rule } from './rule.ts'
import { audience } from './rules/audience.ts'
import { mode } from './rules/mode.ts'
import { rbac } from './rules/rbac.ts'
import { runIsAlive } from './rules/run-is-alive.ts'
import { scopes } from './rules/scopes.ts'
import { secretDelivery } from './rules/secret-delivery.ts'
import { serviceAccounts } from './rules/service-accounts.ts'
import { suspended } from './rules/suspended.ts'

/** The decision, in order: all are asked, the first refusal decides. A new condition is a new file and a line here. */
export const rules: readonly Rule[] = [
  audience,
  scopes,
  serviceAccounts,
  rbac,
  secretDelivery,
  runIsAlive,
  suspended,
  mode,
]
