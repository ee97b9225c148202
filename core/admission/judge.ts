import { canonicalJson } from '../audit/canonical-json.ts'
import { changedAt } from './changed-at.ts'
import type { ExpectedPolicy } from './settings.ts'

/** A policy or binding as the API server sends it, with `managedFields`. */
export interface InstalledObject {
  readonly metadata: {
    readonly name: string
    readonly creationTimestamp?: string
    readonly deletionTimestamp?: string
    readonly managedFields?: unknown
  }
  readonly spec?: unknown
}

export type Judgement =
  | { readonly isInForce: true; readonly since: Date }
  /** The first thing that is wrong, for operators. */
  | { readonly isInForce: false; readonly why: string }

export type FindInstalled = (name: string) => InstalledObject | undefined

/**
 * Whether what is installed is what has to be: every policy and binding there, each word as expected, which includes
 * `failurePolicy: Fail` and `validationActions: [Deny]`. It is in force since the newest of them got its content.
 */
export function judgeInstalled(
  expected: readonly ExpectedPolicy[],
  find: { readonly policy: FindInstalled; readonly binding: FindInstalled },
): Judgement {
  let since = 0
  for (const { name, policy, binding } of expected) {
    for (const [kind, found, spec] of [
      ['ValidatingAdmissionPolicy', find.policy(name), policy],
      ['ValidatingAdmissionPolicyBinding', find.binding(name), binding],
    ] as const) {
      const wrong = wrongWith(found, spec)
      const changed = found && changedAt(found.metadata)
      if (wrong !== undefined || changed === undefined) {
        return { isInForce: false, why: `${kind} ${name} ${wrong ?? 'does not say when it was changed'}` }
      }
      since = Math.max(since, changed.getTime())
    }
  }
  return { isInForce: true, since: new Date(since) }
}

function wrongWith(found: InstalledObject | undefined, spec: object): string | undefined {
  if (found === undefined) return 'is missing'
  if (found.metadata.deletionTimestamp !== undefined) return 'is being deleted'
  return isSame(found.spec, spec) ? undefined : 'is not the one of this release'
}

function isSame(found: unknown, spec: object): boolean {
  try {
    return canonicalJson(found) === canonicalJson(spec)
  } catch {
    // Something that is no JSON of ours, such as a number beyond bounds.
    return false
  }
}
