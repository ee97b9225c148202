import { z } from 'zod'
import { clusterTokenPolicySpec } from '../../../core/crd/cluster-token-policy.ts'
import { clusterTokenProviderSpec } from '../../../core/crd/cluster-token-provider.ts'
import { tokenPolicySpec } from '../../../core/crd/token-policy.ts'
import { compileValidations } from '../../../core/io/cel/compile-validations.ts'
import type { Policy, Provider } from '../../../core/policy/allowance.ts'
import { selectsNamespace } from '../../../core/policy/namespace-selection.ts'
import { CommandFailure, exitCodes } from '../command.ts'

const object = z.object({
  kind: z.string(),
  metadata: z.object({
    name: z.string(),
    namespace: z.string().optional(),
    uid: z.string().default('-'),
    generation: z.number().default(1),
  }),
  spec: z.unknown(),
})

type Labels = Readonly<Record<string, string>>

/** Policies and providers as the broker reads them. */
export interface PolicyObjects {
  /** Those of the namespace, and the ClusterTokenPolicies that select it and whose name none of them has. */
  policies(namespace: string, labels: Labels | undefined): readonly Policy[]
  provider(name: string): Provider | undefined
}

/** @throws CommandFailure for an object of ours that no API server would take, with what is wrong */
export function policyObjects(objects: readonly unknown[]): PolicyObjects {
  const read = objects.flatMap((one) => object.safeParse(one).data ?? [])
  const own = read.filter(({ kind }) => kind === 'TokenPolicy').map((one) => policyOf(one, 'TokenPolicy'))
  const wide = read
    .filter(({ kind }) => kind === 'ClusterTokenPolicy')
    .map((one) => {
      const { namespaceSelector } = checked(one, clusterTokenPolicySpec)
      return { policy: policyOf(one, 'ClusterTokenPolicy'), namespaceSelector }
    })
  const providers = read
    .filter(({ kind }) => kind === 'ClusterTokenProvider')
    .map((one): Provider => ({ ...one.metadata, spec: checked(one, clusterTokenProviderSpec) }))
  return {
    policies(namespace, labels) {
      const mine = own.filter((one) => one.namespace === namespace)
      const selecting = wide
        .filter(({ namespaceSelector, policy }) => {
          return selectsNamespace(namespaceSelector, labels) && !mine.some(({ name }) => name === policy.name)
        })
        .map(({ policy }) => ({ ...policy, namespace }))
      return [...mine, ...selecting]
    },
    provider: (name) => providers.find((one) => one.name === name),
  }
}

function policyOf(one: z.output<typeof object>, kind: Policy['kind']): Policy {
  const { name, namespace = '', uid, generation } = one.metadata
  const { namespaceSelector: _selector, ...rest } = checked(one, clusterTokenPolicySpec)
  const spec = kind === 'TokenPolicy' ? checked(one, tokenPolicySpec) : rest
  return { kind, name, namespace, uid, generation, spec, validations: compileValidations(spec.validations) }
}

function checked<T extends z.ZodType>({ kind, metadata, spec }: z.output<typeof object>, schema: T): z.output<T> {
  const parsed = schema.safeParse(spec)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const what = `${kind} ${metadata.name}: spec.${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not usable'}`
  throw new CommandFailure(exitCodes.failed, `${what}.`)
}
