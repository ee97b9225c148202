import { createHash } from 'node:crypto'
import { canonicalJson } from '../../core/audit/canonical-json.ts'
import type { KubeObject } from '../../core/io/kube/api.ts'
import { type CustomRun, isMistaken, isOurs, parseCustomRun } from '../../core/tekton/custom-run.ts'

/** A CustomRun of ours, or one that means to be, as it was read or written last. */
export interface OurRun {
  readonly customRun: CustomRun
  readonly resourceVersion: string
  readonly specHash: string
}

/** @returns undefined for a CustomRun of another custom task, or one that does not have the shape of any */
export function readOurRun(object: KubeObject): OurRun | undefined {
  const customRun = parseCustomRun(object)
  if (customRun === undefined || !(isOurs(customRun) || isMistaken(customRun))) return undefined
  return { customRun, resourceVersion: object.metadata.resourceVersion, specHash: hashSpec(object.spec) }
}

/** `<namespace>/<name>`, the key of the work queue. */
export function keyOf({ customRun }: OurRun): string {
  return `${customRun.metadata.namespace}/${customRun.metadata.name}`
}

/** Everything of the spec but what Tekton writes to cancel; the API itself lets anybody with update change the rest. */
function hashSpec(spec: unknown): string {
  const pinned = Object.entries(spec ?? {}).filter(([field]) => field !== 'status' && field !== 'statusMessage')
  return `sha256:${createHash('sha256')
    .update(canonicalJson(Object.fromEntries(pinned)))
    .digest('hex')}`
}
