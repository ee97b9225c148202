import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { presetNames } from '../../../custom-task/presets.ts'
import { parseConfig } from '../../../custom-task/sidecar/config.ts'
import type { AdmittedPod } from '../../../custom-task/webhook/admitted-pod.ts'
import { mutate } from '../../../custom-task/webhook/mutate.ts'
import { applied, ask, context } from './apply.ts'
import { annotated, parsePod, tektonPod } from './tekton-pod.ts'

const word = fc.stringMatching(/^[a-z]([a-z0-9-]{0,8}[a-z0-9])?$/)
const names = fc.uniqueArray(word, { minLength: 1, maxLength: 5 })
const variable = fc.record({
  name: fc.constantFrom('PATH', 'DOCKER_CONFIG', 'GIT_CONFIG_COUNT', 'TOKENBROKER_DIR', 'KUBECONFIG'),
  value: fc.oneof(fc.nat({ max: 9 }).map(String), fc.string()),
})

const taskSteps = fc
  .uniqueArray(fc.record({ name: word, env: fc.array(variable, { maxLength: 3 }) }), {
    minLength: 1,
    maxLength: 5,
    selector: (step) => step.name,
  })
  .filter((steps) => steps.length > 0)

const taskSidecars = fc.uniqueArray(fc.record({ name: word }), { maxLength: 2, selector: (one) => one.name })

const wish = fc.record(
  {
    inject: names.map((all) => all.join()),
    as: fc.constantFrom(...presetNames),
    optional: fc.constantFrom('true', 'false'),
    wait: fc.nat({ max: 4000 }).map(String),
  },
  { requiredKeys: [] },
)

const pods = fc
  .record({ steps: taskSteps, sidecars: taskSidecars, hasNativeSidecars: fc.boolean(), wishes: wish })
  .map(({ wishes, ...options }) => annotated(wishes, options))

const contexts = fc
  .array(fc.record({ policy: word, as: fc.uniqueArray(fc.constantFrom(...presetNames), { maxLength: 1 }) }), {
    maxLength: 3,
  })
  .map((all) => context(all.map(({ policy, as }) => ask(policy, { as }))))

/** What the API server does to an object after each webhook: it writes defaults, and the ServiceAccount's token. */
function defaulted(pod: AdmittedPod): AdmittedPod {
  const fill = (
    container: object & { readonly volumeMounts?: readonly { mountPath: string }[] | null | undefined },
  ) => {
    const mounts = container.volumeMounts ?? []
    const path = '/var/run/secrets/kubernetes.io/serviceaccount'
    const isCovered = mounts.some((mount) => mount.mountPath === path)
    const api = isCovered ? [] : [{ name: 'kube-api-access-x', mountPath: path, readOnly: true }]
    return {
      terminationMessagePath: '/dev/termination-log',
      imagePullPolicy: 'Always',
      resources: {},
      ...container,
      volumeMounts: [...mounts, ...api],
    }
  }
  return parsePod({
    ...pod,
    spec: {
      dnsPolicy: 'ClusterFirst',
      ...pod.spec,
      initContainers: pod.spec.initContainers?.map(fill),
      containers: pod.spec.containers.map(fill),
      volumes: [...(pod.spec.volumes ?? []), { name: 'kube-api-access-x', projected: { sources: [] } }],
    },
  })
}

describe('mutate, for any pod', () => {
  it('changes nothing more on its own result, nor after the API server wrote its defaults', () => {
    fc.assert(
      fc.property(pods, contexts, (pod, within) => {
        const mutation = mutate(pod, within)
        fc.pre(mutation.kind === 'injected')
        const { pod: result } = applied(pod, mutation)
        expect(mutate(result, within)).toEqual({ kind: 'untouched' })
        expect(mutate(defaulted(result), within)).toEqual({ kind: 'untouched' })
      }),
    )
  })

  it('writes a configuration that the sidecar takes, and one mount for each of its directories', () => {
    fc.assert(
      fc.property(pods, contexts, (pod, within) => {
        const mutation = mutate(pod, within)
        fc.pre(mutation.kind === 'injected')
        const result = applied(pod, mutation)
        const { steps } = parseConfig(result.config())
        const mounted = result.containers.flatMap((one) =>
          (one.volumeMounts ?? []).filter((mount) => mount.name === 'tokenbroker').map((mount) => mount.subPath),
        )
        expect(steps.map((step) => step.directory)).toEqual(mounted.map((path) => `/tokenbroker/${path}`))
      }),
    )
  })

  it('removes no container, volume, mount or variable that is not named like one of ours', () => {
    fc.assert(
      fc.property(pods, contexts, (pod, within) => {
        const mutation = mutate(pod, within)
        fc.pre(mutation.kind === 'injected')
        const { pod: result } = applied(pod, mutation)
        expect(result.spec.initContainers?.slice(2)).toEqual(pod.spec.initContainers)
        expect(result.spec.volumes?.slice(0, -2)).toEqual(pod.spec.volumes)
        for (const [i, before] of pod.spec.containers.entries()) {
          const after = result.spec.containers[i]
          const { env: _, volumeMounts: __, ...rest } = before
          expect(after).toMatchObject(rest)
          expect(after?.volumeMounts).toEqual(expect.arrayContaining([...(before.volumeMounts ?? [])]))
          const own = (before.env ?? []).filter((one) => one.name === 'PATH')
          expect(after?.env ?? []).toEqual(expect.arrayContaining(own))
          const set = (after?.env ?? []).filter((one) => one.name !== 'PATH').map((one) => one.name)
          if (after?.volumeMounts?.some((mount) => mount.name === 'tokenbroker')) {
            expect(set.filter((name) => name.startsWith('TOKENBROKER_')).toSorted()).toEqual(
              [...new Set(set.filter((name) => name.startsWith('TOKENBROKER_')))].toSorted(),
            )
          }
        }
      }),
    )
  })

  it('leaves a pod alone that does not ask', () => {
    fc.assert(
      fc.property(taskSteps, taskSidecars, fc.dictionary(fc.string(), fc.string()), (steps, sidecars, annotations) => {
        const { 'tokenbroker.dev/inject': _, ...others } = annotations
        expect(mutate(tektonPod({ steps, sidecars, annotations: others }), context())).toEqual({ kind: 'untouched' })
      }),
    )
  })

  it('never throws, whatever the annotations say', () => {
    const junk = fc.dictionary(
      fc.constantFrom('inject', 'steps', 'as', 'optional', 'wait'),
      fc.oneof(fc.string(), fc.stringMatching(/^[a-z=,./ -]{0,30}$/)),
    )
    fc.assert(
      fc.property(junk, (annotations) => {
        expect(['untouched', 'refused', 'injected']).toContain(mutate(annotated(annotations), context()).kind)
      }),
    )
  })
})
