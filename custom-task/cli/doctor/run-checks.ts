import { KubeError } from '../../../core/io/kube/api.ts'
import { KubeUnreachable } from '../../../core/io/kube/failure.ts'
import { byUpgrade, type Check, type Finding, fail, listed, warn } from './check.ts'
import { NotInstalled } from './installation.ts'
import { MayNotLook, type Site } from './site.ts'
import { NotRegistered } from './webhooks.ts'

export interface Result {
  readonly check: string
  readonly finding: Finding
  /** Why there was nothing to look at, where nothing is installed. */
  readonly absent?: string
}

/** Makes the checks one after the other, so that a cluster in trouble is not asked twenty things at once. */
export async function* runChecks(
  checks: readonly Check[],
  site: Site,
  signal: AbortSignal,
): AsyncGenerator<Result, void, undefined> {
  for (const check of checks) {
    signal.throwIfAborted()
    yield await check.run(site).then(
      (finding) => ({ check: check.name, finding }),
      (error: unknown) => {
        signal.throwIfAborted()
        const absent = error instanceof NotInstalled ? { absent: error.message } : {}
        return { check: check.name, finding: findingOf(error), ...absent }
      },
    )
  }
}

/** Checks for which there was nothing to look at, as one line; undefined where there are none. */
export function absence(results: readonly Result[]): Result | undefined {
  const absent = results.filter((result) => result.absent !== undefined)
  if (absent.length === 0) return undefined
  const reasons = [...new Set(absent.flatMap((result) => result.absent ?? []))]
  const found = `${listed(absent.map(({ check }) => check))}: ${listed(reasons)}.`
  return { check: 'not looked at', finding: warn(found, 'See the line "installation".') }
}

/** What a check that could not be made says. */
function findingOf(error: unknown): Finding {
  if (error instanceof MayNotLook) {
    return warn('Not looked at: you may not.', `Ask for the right to ${error.right}, or somebody who has it.`)
  }
  if (error instanceof NotInstalled) return warn(`Not looked at: ${error.message}.`, 'See the line "installation".')
  if (error instanceof NotRegistered) return fail(`There is ${error.message}.`, byUpgrade('makes it anew.'))
  if (error instanceof KubeError) {
    return warn(`Not looked at: the API server answered ${error.status} ${error.reason}.`, 'Try again, or see its log.')
  }
  if (error instanceof KubeUnreachable) return warn('Not looked at: the API server did not answer.', 'Try again.')
  throw error
}
