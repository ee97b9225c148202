import type { Check } from './check.ts'
import { bounds } from './checks/bounds.ts'
import { callers } from './checks/callers.ts'
import { files } from './checks/files.ts'
import { forms } from './checks/forms.ts'
import { keys } from './checks/keys.ts'
import { listener } from './checks/listener.ts'

/** Of the contract, in docs/reference/localhost-contract.md; grows within 1. */
export const contractVersion = '1.0'

/** Every check, by chapter of the contract. A new one: a line in its chapter's file, and its clause in the contract. */
export const checks: readonly Check[] = [...files, ...listener, ...callers, ...keys, ...forms, ...bounds]
