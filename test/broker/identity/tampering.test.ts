import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AdmissionGuard } from '../../../broker/identity/admission-guard.ts'
import { concludeRun } from '../../../broker/identity/conclude-run.ts'
import { walkCustomRun } from '../../../broker/identity/walk-custom-run.ts'
import { walkPod } from '../../../broker/identity/walk-pod.ts'
import type { Walked } from '../../../broker/identity/walked.ts'
import type { KubeClient } from '../../../core/io/kube/api.ts'
import { Problem } from '../../../core/problem.ts'
import { signal } from './identity-fixture.ts'
import { workloadOf } from './run-fixture.ts'

type Plural = 'pods' | 'taskruns' | 'customruns' | 'pipelineruns'
type Objects = { readonly [plural in Plural]: Json }
type Json = string | number | boolean | readonly Json[] | { readonly [key: string]: Json }

const uids = { pipelineRun: '1'.repeat(8), taskRun: '2'.repeat(8), pod: '3'.repeat(8) }
const customRunUid = '44444444-4444-4444-8444-444444444444'
const madeAt = '2026-03-01T12:00:00Z'
const meta = (name: string, uid: string, owner?: Json): { readonly [key: string]: Json } => ({
  name,
  namespace: 'payments',
  uid,
  creationTimestamp: madeAt,
  ...(owner === undefined ? {} : { ownerReferences: [owner] }),
})
const owner = (apiVersion: string, kind: string, name: string, uid: string): Json => ({
  ...{ apiVersion, kind, name, uid },
  controller: true,
})
const pipelineOwner = owner('tekton.dev/v1', 'PipelineRun', 'release', uids.pipelineRun)
const tokenRef = { apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'TokenExchange', name: 'deploy' }
const git = { resolver: 'git', params: [{ name: 'revision', value: 'main' }] }
const trusted = [{ name: 'scope', value: 'deploy:staging' }]

/** Everything that the walk reads, and nothing else. */
const objects: Objects = {
  pods: {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...meta('release-deploy-pod', uids.pod, owner('tekton.dev/v1', 'TaskRun', 'release-deploy', uids.taskRun)),
      generation: 1,
    },
    spec: {
      serviceAccountName: 'deployer',
      nodeName: 'node1',
      containers: [
        { name: 'step-run', image: 'curl' },
        { name: 'sidecar-proxy', image: 'proxy' },
      ],
    },
    status: { podIP: '10.0.0.7' },
  },
  taskruns: {
    apiVersion: 'tekton.dev/v1',
    kind: 'TaskRun',
    metadata: meta('release-deploy', uids.taskRun, pipelineOwner),
    spec: { serviceAccountName: 'deployer', taskRef: { ...git, name: 'rollout', kind: 'Task' }, params: trusted },
    status: {
      startTime: madeAt,
      podName: 'release-deploy-pod',
      taskSpec: { steps: [{ name: 'run', image: 'curl' }], sidecars: [{ name: 'proxy', image: 'proxy' }] },
    },
  },
  customruns: {
    apiVersion: 'tekton.dev/v1beta1',
    kind: 'CustomRun',
    metadata: meta('release-token', customRunUid, pipelineOwner),
    spec: { serviceAccountName: 'deployer', customRef: tokenRef, params: trusted },
  },
  pipelineruns: {
    apiVersion: 'tekton.dev/v1',
    kind: 'PipelineRun',
    metadata: meta('release', uids.pipelineRun),
    spec: { taskRunTemplate: { serviceAccountName: 'deployer' } },
    status: {
      startTime: madeAt,
      pipelineSpec: {
        tasks: [
          { name: 'token', taskRef: tokenRef, params: trusted },
          { name: 'deploy', runAfter: ['token'], taskRef: { ...git, name: 'rollout', kind: 'Task' }, params: trusted },
        ],
      },
      childReferences: [
        { kind: 'TaskRun', name: 'release-deploy', pipelineTaskName: 'deploy' },
        { kind: 'CustomRun', name: 'release-token', pipelineTaskName: 'token' },
      ],
    },
  },
}

const guard: AdmissionGuard = { verifiedSince: () => new Date('2026-03-01T11:59:59Z'), why: () => '' }

const walks = {
  async pod(given: Objects): Promise<Walked> {
    const workload = workloadOf({ metadata: { name: 'release-deploy-pod', uid: uids.pod } } as never)
    return walkPod(workload, kubeOf(given), signal)
  },
  async customRun(given: Objects): Promise<Walked> {
    const reference = { namespace: 'payments', name: 'release-token', uid: customRunUid }
    return (await walkCustomRun(reference, kubeOf(given), signal)).walked
  },
}

/** An API server that holds these. */
function kubeOf(given: Objects): KubeClient {
  const get = async ({ plural }: { plural: Plural }, { name }: { name: string }) => {
    const found = given[plural] as { readonly metadata?: { readonly name?: string } } | undefined
    return found?.metadata?.name === name ? found : undefined
  }
  return { get } as unknown as KubeClient
}

async function assuranceOf(who: keyof typeof walks, given: Objects): Promise<string> {
  try {
    const walked = await walks[who](given)
    const peerAddress = who === 'pod' ? '10.0.0.7' : undefined
    return concludeRun(walked, { namespace: 'payments', guard, event: undefined, peerAddress }).assurance
  } catch (cause) {
    if (cause instanceof Problem) return cause.reason
    throw cause
  }
}

/** Paths of all leaves of the objects that one walk reads. */
function leaves(value: Json, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== 'object') return [path]
  return Object.entries(value).flatMap(([key, one]) => leaves(one, [...path, key]))
}

function tampered(value: Json, [key, ...rest]: readonly string[], change: (leaf: Json) => Json | undefined): Json {
  if (typeof value !== 'object' || key === undefined) throw new TypeError('no such leaf')
  const entries = Object.entries(value).flatMap(([name, one]): [string, Json][] => {
    if (name !== key) return [[name, one]]
    const changed = rest.length === 0 ? change(one) : tampered(one, rest, change)
    return changed === undefined ? [] : [[name, changed]]
  })
  return Array.isArray(value) ? entries.map(([, one]) => one) : Object.fromEntries(entries)
}

/** Nothing of what is proved rests on these: names that say nothing here, and the tasks that the other walk is about. */
const irrelevant: Readonly<Record<keyof typeof walks, RegExp>> = {
  pod: /^(?:.*\.metadata\.(?:namespace|name)|pods\.(?:spec\.containers\.\d\.name|metadata\.generation)|taskruns\.status\.taskSpec\..*\.name|pipelineruns\.status\.pipelineSpec\.tasks\.(?:0\..*|1\.runAfter.*)|pipelineruns\.status\.childReferences\.1\..*|.*taskRef\.(?:kind|params\.\d\.name)|customruns\..*)$/,
  customRun:
    /^(?:.*\.metadata\.(?:namespace|name)|pipelineruns\.status\.pipelineSpec\.tasks\.1\..*|pipelineruns\.status\.childReferences\.0\..*|pods\..*|taskruns\..*)$/,
}

const changes: Readonly<Record<string, (leaf: Json) => Json | undefined>> = {
  'is gone': () => undefined,
  'is another': (leaf) => (typeof leaf === 'string' ? `${leaf}x` : typeof leaf === 'number' ? leaf + 1 : false),
}

describe.each(['pod', 'customRun'] as const)('the walk of a %s', (who) => {
  it('verifies the run that Tekton made', async () => {
    expect(await assuranceOf(who, objects)).toBe('verified')
  })

  const paths = leaves(objects).filter((path) => !irrelevant[who].test(path.join('.')))

  it.each(Object.keys(changes))('verifies no run of which one field %s', async (change) => {
    const verified: string[] = []
    for (const path of paths) {
      const given = tampered(objects, path, changes[change] ?? (() => undefined)) as Objects
      if ((await assuranceOf(who, given)) === 'verified') verified.push(path.join('.'))
    }
    // Without an address there is nothing to compare the peer with.
    expect(verified.filter((path) => path !== 'pods.status.podIP')).toEqual([])
  })

  it('verifies no run of which one text is anything else', async () => {
    const texts = paths.filter((path) => !path.includes('startTime') && !path.includes('creationTimestamp'))
    const other = fc.string({ minLength: 1 })
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...texts), other, async (path, text) => {
        const given = tampered(objects, path, (leaf) => (leaf === text ? `${text}x` : text)) as Objects
        expect(await assuranceOf(who, given)).not.toBe('verified')
      }),
      { numRuns: 300 },
    )
  })
})
