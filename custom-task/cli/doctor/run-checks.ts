import { KubeError } from '../../../core/io/kube/api.ts'
import { KubeUnreachable } from '../../../core/io/kube/failure.ts'
import { type Check, type Finding, fail, warn } from './check.ts'
import { NotInstalled } from './installation.ts'
import { MayNotLook, type Site } from './site.ts'
import { NotRegistered } from './webhooks.ts'

export interface Result {
  readonly check: string
  readonly finding: Finding
}

/** Makes the checks one after the other, so that a cluster in trouble is not asked twenty things at once. */
export async function* runChecks(
  checks: readonly Check[],
  site: Site,
  signal: AbortSignal,
): AsyncGenerator<Result, void, undefined> {
  for (const check of checks) {
    signal.throwIfAborted()
    const finding = await check.run(site).catch((error: unknown) => {
      signal.throwIfAborted()
      return findingOf(error)
    })
    yield { check: check.name, finding }
  }
}

/** What a check that could not be made says. */
function findingOf(error: unknown): Finding {
  if (error instanceof MayNotLook) {
    return warn('Not looked at: you may not.', `Ask for the right to ${error.right}, or somebody who has it.`)
  }
  if (error instanceof NotInstalled) return warn(`Not looked at: ${error.message}.`, 'See the line "installation".')
  if (error instanceof NotRegistered) return fail(`There is ${error.message}.`, 'helm upgrade makes it anew.')
  if (error instanceof KubeError) {
    return warn(`Not looked at: the API server answered ${error.status} ${error.reason}.`, 'Try again, or see its log.')
  }
  if (error instanceof KubeUnreachable) return warn('Not looked at: the API server did not answer.', 'Try again.')
  throw error
}
