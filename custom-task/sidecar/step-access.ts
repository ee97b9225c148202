import { randomBytes } from 'node:crypto'
import { Secret } from '../../core/secret.ts'
import type { PolicyConfig, StepConfig } from './config-schema.ts'
import type { LocalStep } from './local-client.ts'
import { hashKey } from './local-client.ts'
import { keyFile } from './token-directory.ts'
import type { Presentation } from './token-files.ts'
import type { TokenTarget } from './token-target.ts'

/** A key for one step, made anew at each start of the sidecar, and what it opens. */
export function createStepAccess(step: StepConfig): { readonly key: Secret; readonly local: LocalStep } {
  const key = new Secret(randomBytes(32).toString('base64url'))
  return { key, local: { keyHash: hashKey(key), targets: targetsByClientId(step) } }
}

/** Name of the directory and of the client. */
export function localName(policy: PolicyConfig): string {
  return policy.alias ?? policy.policy
}

export function targetOf({ policy, audience, scope }: PolicyConfig): TokenTarget {
  return { policy, audience, scope }
}

/** The forms of a token, with the paths that the step sees. */
export function presentationOf(policy: PolicyConfig, { mountPath }: StepConfig): Presentation | undefined {
  const { as, audience } = policy
  if (as === undefined || audience === undefined) return undefined
  const name = localName(policy)
  return {
    as,
    audience,
    place: { directory: `${mountPath}/${name}`, keyFile: `${mountPath}/${keyFile}`, url: '', name },
  }
}

/** By local name, and by the policy's own name where that is nobody's local name. */
function targetsByClientId(step: StepConfig): ReadonlyMap<string, TokenTarget> {
  const byPolicy = step.policies.map((one) => [one.policy, targetOf(one)] as const)
  const byLocalName = step.policies.map((one) => [localName(one), targetOf(one)] as const)
  return new Map([...byPolicy, ...byLocalName])
}
