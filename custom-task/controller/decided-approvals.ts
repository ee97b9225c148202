import { z } from 'zod'
import { tokenApproval } from '../../core/crd/token-approval.ts'
import { type KubeObject, resources } from '../../core/io/kube/api.ts'
import { createInformer, type InformerOptions } from '../../core/io/kube/informer.ts'

type Common = Pick<InformerOptions<unknown>, 'client' | 'list' | 'log' | 'clock' | 'delay' | 'random'>

/** Follows what people are asked. Without it, whoever waits hears of a decision at the next poll. */
export interface DecidedApprovals {
  start(): void
  stop(): Promise<void>
}

const approval = z.object({
  spec: z.object({ request: z.object({ run: z.object({ uid: z.string() }) }) }),
  status: z.object({ conditions: z.array(z.object({ type: z.string(), status: z.string() })).optional() }).optional(),
})

/** @param onDecided told of the UID of a run when a question about it is over; only the broker says what came of it */
export function createDecidedApprovals(common: Common, onDecided: (runUid: string) => void): DecidedApprovals {
  const approvals = createInformer<string | undefined>({
    ...common,
    resource: resources.tokenApprovals,
    parse: decidedRun,
    onChange: ({ kind, value }) => {
      if (kind !== 'deleted' && value !== undefined) onDecided(value)
    },
  })
  return Object.freeze({ start: approvals.start, stop: approvals.stop })
}

/** UID of the run; undefined while the question is open. */
function decidedRun(object: KubeObject): string | undefined {
  if (object.kind !== tokenApproval.kind) return undefined
  const { spec, status } = approval.parse(object)
  const isOver = status?.conditions?.some((one) => one.type === 'Decided' && one.status !== 'Unknown')
  return isOver === true ? spec.request.run.uid : undefined
}
