import { parseForm } from '../core/oauth/form.ts'
import { Problem } from '../core/problem.ts'
import { jsonAnswer } from './answer.ts'
import type { GrantBook } from './audit/grant-book.ts'
import type { ServeCaller } from './caller-door.ts'
import { type ProveController, requireController } from './controller.ts'

interface Deps {
  readonly proveController: ProveController
  readonly book: Pick<GrantBook, 'liveRuns'>
  /** Names this process: a cursor of another one counted something else. */
  readonly processId: string
}

/** Runs in one answer; with at most 370 characters for each it fits into what the controller reads. */
const pageSize = 150

/**
 * `POST /runs/live`, for the controller: the runs of its cluster that hold something which their end has to withdraw.
 * With `after`, the `next` of the answer before, only those that came since; a cursor that is not known begins anew.
 */
export function createLiveRunsEndpoint({ proveController, book, processId }: Deps): ServeCaller {
  return async function liveRuns(caller, { body, peerAddress }, signal) {
    await requireController(proveController, caller, peerAddress, signal)
    const after = position(parseForm(body).get('after'), processId)
    const page = book.liveRuns(after, caller.cluster, pageSize)
    const next = `${processId}.${page.at(-1)?.number ?? after}`
    return jsonAnswer({ runs: page.map(({ run }) => run), next, more: page.length === pageSize })
  }
}

function position(cursor: string | undefined, processId: string): number {
  if (cursor === undefined) return 0
  const [, process, number] = /^([\w-]{1,64})\.(\d{1,15})$/.exec(cursor) ?? []
  if (number === undefined) {
    throw new Problem('parameter_invalid', { mend: 'The parameter after takes next of the answer before' })
  }
  return process === processId ? Number(number) : 0
}
