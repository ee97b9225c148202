import { describe, expect, it } from 'vitest'
import { mutate } from '../../../custom-task/webhook/mutate.ts'
import { ask, context, inject, samePolicy, sentence, settings } from './apply.ts'
import { annotated, parsePod, tektonPod, tektonPodObject } from './tekton-pod.ts'

const asked = { 'tokenbroker.dev/inject': 'deploy-staging' }

describe('pods that are refused', () => {
  it.each([
    ['hostNetwork', { podTemplate: { hostNetwork: true } }, 'remove hostNetwork'],
    ['hostPID', { podTemplate: { hostPID: true } }, 'remove hostPID'],
    ['a shared process namespace', { podTemplate: { shareProcessNamespace: true } }, 'remove shareProcessNamespace'],
    ['Windows nodes', { podTemplate: { nodeSelector: { 'kubernetes.io/os': 'windows' } } }, 'on Linux'],
    ['Windows as their system', { podTemplate: { os: { name: 'windows' } } }, 'on Linux'],
    [
      'a volume named like ours',
      { volumes: [{ name: 'tokenbroker', emptyDir: {} }] },
      'a volume named tokenbroker already',
    ],
    [
      'a step that mounts the identity',
      { steps: [{ name: 'a', volumeMounts: [{ name: 'tokenbroker-identity', mountPath: '/x' }] }] },
      'a volume named tokenbroker-identity already',
    ],
    [
      'something at our path',
      { steps: [{ name: 'a', volumeMounts: [{ name: 'x', mountPath: '/x/..//tokenbroker/' }] }] },
      'container step-a mounts something at /tokenbroker already',
    ],
    [
      'something below our path',
      { steps: [{ name: 'a', volumeMounts: [{ name: 'x', mountPath: '/tokenbroker/deploy' }] }] },
      'mounts something at /tokenbroker',
    ],
    [
      'a volume with the identity',
      {
        volumes: [
          {
            name: 'id',
            projected: { sources: [{ serviceAccountToken: { audience: settings.audience, path: 'token' } }] },
          },
        ],
      },
      'olume id holds the pod',
    ],
    ['the root of the node', { volumes: [{ name: 'h', hostPath: { path: '/' } }] }, 'olume h shows the files'],
    [
      'the directory of the kubelet',
      { volumes: [{ name: 'h', hostPath: { path: '/var/lib/kubelet/pods' } }] },
      'mount a narrower hostPath',
    ],
    ['what is above it', { volumes: [{ name: 'h', hostPath: { path: '/x/../var/lib' } }] }, 'a narrower hostPath'],
    ['the processes of the node', { volumes: [{ name: 'h', hostPath: { path: '/proc' } }] }, 'a narrower hostPath'],
    ['our port in a step', { steps: [{ name: 'a', ports: [{ containerPort: 8099 }] }] }, 'step-a uses port 8099'],
    [
      'our port in a sidecar',
      { sidecars: [{ name: 's', ports: [{ containerPort: 8098 }] }] },
      'sidecar-s uses port 8098',
    ],
  ] as const)('have %s', (_, options, mend) => {
    expect(sentence(tektonPod({ ...options, annotations: asked }))).toContain(mend)
    expect(sentence(tektonPod(options), context([ask('deploy-staging')]))).toContain(mend)
  })

  it.each(['tokenbroker', 'tokenbroker-gate'])('have a container that is named %s', (name) => {
    for (const list of ['initContainers', 'containers'] as const) {
      const object = tektonPodObject({ annotations: asked })
      const spec = { ...object.spec, [list]: [...object.spec[list], { name, restartPolicy: 'Always' }] }

      expect(sentence(parsePod({ ...object, spec }))).toContain(`a container named ${name} already`)
    }
  })

  it.each([
    ['git', { audience: 'api://deploy' }, 'Token t: form git needs to know the server'],
    ['docker', { audience: 'acme.azurecr.io' }, 'use form azure'],
    ['gcp', {}, 'no provider of a workload identity pool'],
    ['aws', { scopes: ['deploy'] }, 'set AWS_ROLE_ARN in the step'],
    ['kubeconfig', { audience: 'k8s' }, 'no https URL'],
  ] as const)('ask for form %s of a policy that it cannot be right for', (as, facts, mend) => {
    const policies = samePolicy(facts)

    expect(sentence(annotated({ inject: 't', as }), context([], [], policies))).toContain(mend)
    expect(sentence(tektonPod(), context([ask('t', { as: [as] })], [], policies))).toContain(mend)
  })

  it('ask for a form of a policy that does not exist', () => {
    const none = context([], [], new Map())

    expect(sentence(annotated({ inject: 'a=t', as: 'git' }), none)).toBe(
      'Policy t, whose token is to be presented as git, is missing: create it',
    )
    expect(sentence(annotated({ inject: 't' }), none)).toBe('injected')
  })

  it('imitate what was injected, with a mount more', () => {
    const { pod } = inject(tektonPod({ annotations: asked, steps: [{ name: 'a' }, { name: 'b' }] }))
    const [a, b] = pod.spec.containers
    const thefts = [
      { name: 'tokenbroker-identity', mountPath: '/stolen' },
      { name: 'tokenbroker', mountPath: '/stolen' },
      { name: 'tokenbroker', mountPath: '/stolen', subPath: 'step-a', readOnly: true },
    ]
    for (const theft of thefts) {
      const thief = { ...b, volumeMounts: [...(b?.volumeMounts ?? []), theft] }
      expect(sentence(parsePod({ ...pod, spec: { ...pod.spec, containers: [a, thief] } }))).toContain('already')
    }
    const writable = { ...a, volumeMounts: a?.volumeMounts?.map((mount) => ({ ...mount, readOnly: false })) }
    expect(sentence(parsePod({ ...pod, spec: { ...pod.spec, containers: [writable, b] } }))).toContain('already')
  })

  it('were changed by another webhook after they were injected', () => {
    const { pod } = inject(tektonPod({ annotations: asked }))
    const stolen = { name: 'id', projected: { sources: [{ serviceAccountToken: { audience: settings.audience } }] } }
    const changes = [{ hostNetwork: true }, { volumes: [...(pod.spec.volumes ?? []), stolen] }]

    expect(changes.map((spec) => sentence(parsePod({ ...pod, spec: { ...pod.spec, ...spec } })))).toEqual([
      expect.stringContaining('remove hostNetwork'),
      expect.stringContaining('olume id holds the pod'),
    ])
  })

  it('keep volumes of the node that show no other container, and tokens for other audiences', () => {
    const volumes = [
      { name: 'socket', hostPath: { path: '/var/run/docker.sock' } },
      { name: 'near', hostPath: { path: '/var/lib/kubelet-plugins' } },
      { name: 'other', projected: { sources: [{ serviceAccountToken: { audience: 'https://vault', path: 't' } }] } },
      { name: 'api', projected: { sources: [{ serviceAccountToken: { path: 't' } }, { configMap: { name: 'x' } }] } },
    ]

    expect(sentence(tektonPod({ annotations: asked, volumes }))).toBe('injected')
  })

  it('have only a part of what was injected', () => {
    const { pod } = inject(tektonPod({ annotations: asked }))
    for (const name of ['tokenbroker', 'tokenbroker-gate']) {
      const initContainers = pod.spec.initContainers?.filter((one) => one.name !== name)
      expect(sentence(parsePod({ ...pod, spec: { ...pod.spec, initContainers } }))).toContain('already')
    }
  })

  it('were made by hand in the name of a TaskRun that is not there', () => {
    const mutation = mutate(tektonPod({ annotations: asked }), {
      origin: { kind: 'unknown' },
      settings,
      policies: samePolicy(),
    })

    expect(mutation).toEqual({
      kind: 'refused',
      sentence: 'The pod names a TaskRun that does not exist: let Tekton make it',
    })
  })

  it.each([
    ['a path', { inject: '../../etc' }, 'annotation tokenbroker.dev/inject must be'],
    ['a path as an alias', { inject: '../x=deploy' }, 'tokenbroker.dev/inject must be'],
    ['dots', { inject: '..' }, 'tokenbroker.dev/inject must be'],
    ['a file of ours', { inject: 'key' }, 'tokenbroker.dev/inject must be'],
    ['a socket of ours', { inject: 'sidecar.sock=deploy' }, 'tokenbroker.dev/inject must be'],
    ['capitals', { inject: 'Deploy' }, 'tokenbroker.dev/inject must be'],
    ['one name twice', { inject: 'a,a' }, 'separated by commas: policy a is given twice'],
    ['one alias twice', { inject: 'x=a,x=b' }, 'separated by commas: alias x is given twice'],
    ['a capital alias', { inject: 'A=x' }, 'A is no name: lowercase letters, digits, - and .'],
    ['spaces for commas', { inject: 'x y' }, 'separate policies by commas'],
    ['nothing between commas', { inject: 'a,,b' }, 'tokenbroker.dev/inject must be'],
    ['two equals signs', { inject: 'a=b=c' }, 'tokenbroker.dev/inject must be'],
    ['65 policies', { inject: Array.from({ length: 65 }, (_, i) => `p${i}`).join() }, 'tokenbroker.dev/inject must be'],
    ['no step', { inject: 'a', steps: 'nowhere' }, 'the task has no step nowhere: its steps are rollout'],
    ['steps with slashes', { inject: 'a', steps: 'deploy/rollout' }, 'tokenbroker.dev/steps must be'],
    ['an unknown form', { inject: 'a', as: 'svn' }, 'tokenbroker.dev/as must be one or more of git, docker, netrc'],
    [
      'a form of an unknown token',
      { inject: 'a', as: 'b=git' },
      'tokenbroker.dev/as names token b: the pod asks for a',
    ],
    [
      'a form of one of two',
      { inject: 'a,b', as: 'git' },
      'tokenbroker.dev/as does not say which token is for git: write a=git',
    ],
    ['one variable twice', { inject: 'a,b', as: 'a=docker,b=docker' }, 'two values of DOCKER_CONFIG'],
    ['a truth that is none', { inject: 'a', optional: 'yes' }, 'tokenbroker.dev/optional must be "true" or "false"'],
    ['no time', { inject: 'a', wait: 'soon' }, 'tokenbroker.dev/wait must be seconds (60) or a Go duration (1m30s)'],
    ['too long a time', { inject: 'a', wait: '2h' }, 'at most 1h'],
  ])('ask with %s', (_, annotations, mend) => {
    expect(sentence(annotated(annotations)).toLowerCase()).toContain(mend.toLowerCase())
  })

  it.each([
    [{ inject: 'a', step: 'show' }, 'step: did you mean tokenbroker.dev/steps?'],
    [{ inject: 'a', Steps: 'show' }, 'Steps: did you mean tokenbroker.dev/steps?'],
    [{ inject: 'a', optonal: 'true' }, 'optonal: did you mean tokenbroker.dev/optional?'],
    [{ injekt: 'a' }, 'injekt: did you mean tokenbroker.dev/inject?'],
    [
      { inject: 'a', environment: 'x' },
      `environment: known are ${['inject', 'steps', 'as', 'optional', 'wait'].map((key) => `tokenbroker.dev/${key}`).join(', ')}`,
    ],
  ])('have a key that is no annotation of ours: %o', (annotations, mend) => {
    expect(sentence(annotated(annotations))).toBe(`No such annotation tokenbroker.dev/${mend}`)
  })

  it('get a token from the pipeline, and have a key that is no annotation of ours', () => {
    expect(sentence(annotated({ step: 'rollout' }), context([ask('t')]))).toBe(
      'No such annotation tokenbroker.dev/step: did you mean tokenbroker.dev/steps?',
    )
  })

  it('do not hear a key that may be a credential', () => {
    const text = sentence(annotated({ inject: 'a', 'eyJhbGciOiJSUzI1NiJ9.SECRET': '' }))

    expect(text).toMatch(/^No such annotation tokenbroker.dev\/\(a key\): known are /)
  })

  it('keep what the product and Tekton write, and keys of others', () => {
    const annotations = {
      ...asked,
      'tokenbroker.dev/revoked-by': 'jane',
      'tokenbroker.dev/initiator': '{}',
      'tokenbroker.dev/injected': 'true',
      'tekton.dev/step': 'x',
      'nottokenbroker.dev/step': 'x',
    }

    expect(sentence(tektonPod({ annotations }))).toBe('injected')
  })

  it('may say what they like where they ask for nothing', () => {
    for (const annotations of [{ step: 'a' }, { inject: '', step: 'a' }]) {
      expect(sentence(annotated(annotations))).toBe('untouched')
    }
  })

  it('hear everything that is wrong at once, and none of what they wrote', () => {
    const text = sentence(annotated({ inject: 'eyJhbGciOiJSUzI1NiJ9.SECRET', wait: 'SECRET', optional: 'SECRET' }))

    expect(text.split('; ')).toHaveLength(3)
    expect(text).toMatch(/^Annotation tokenbroker/)
    expect(text).not.toMatch(/SECRET|eyJ/)
  })

  it('need the same name for two tokens', () => {
    const within = context([ask('deploy-staging', { audience: 'https://other' })])

    expect(sentence(tektonPod({ annotations: asked }), within)).toBe(
      'Two different tokens are asked for under the name deploy-staging: give one an alias (inject: alias=policy)',
    )
  })

  it('put a token into no step', () => {
    const steps = [{ name: 'a' }, { name: 'b' }]

    expect(sentence(annotated({ steps: 'a' }, { steps }), context([ask('t', { steps: ['b'] })]))).toBe(
      'Token t goes into no step: name a step that gets it',
    )
  })

  it('have git settings that cannot be counted', () => {
    const env = [{ name: 'GIT_CONFIG_COUNT', valueFrom: { configMapKeyRef: { name: 'a', key: 'b' } } }]
    const text = sentence(annotated({ inject: 'a', as: 'git' }, { steps: [{ name: 'rollout', env }] }))

    expect(text).toBe('Step container step-rollout sets GIT_CONFIG_COUNT to something that is no number: remove it')
  })

  it('have what the pipeline is complained about', () => {
    const within = context([], ['CustomRun release-token is not what its PipelineRun says: run it again'])

    expect(sentence(tektonPod(), within)).toBe('CustomRun release-token is not what its PipelineRun says: run it again')
  })

  it('ask for more than the argument of a process can hold', () => {
    const within = context([ask('a', { scopes: Array.from({ length: 64 }, (_, i) => `${i}${'x'.repeat(120)}`) })])
    const steps = Array.from({ length: 20 }, (_, i) => ({ name: `s${i}` }))

    expect(sentence(tektonPod({ steps }), within)).toContain('ask for fewer')
  })

  it('have more steps than the sidecar takes', () => {
    const steps = Array.from({ length: 65 }, (_, i) => ({ name: `s${i}` }))

    expect(sentence(tektonPod({ annotations: asked, steps }))).toContain('at most 64 tokens and 64 steps')
  })
})
