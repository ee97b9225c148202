import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../../custom-task/sidecar/config.ts'
import { mutate } from '../../../custom-task/webhook/mutate.ts'
import type { PolicyFacts } from '../../../custom-task/webhook/policy-facts.ts'
import { applied, ask, context, inject, samePolicy, settings } from './apply.ts'
import { annotated, parsePod, tektonPod, tektonPodObject } from './tekton-pod.ts'

const asked = { 'tokenbroker.dev/inject': 'deploy-staging' }

describe('mutate', () => {
  describe('a pod that asks by annotation', () => {
    const result = inject(tektonPod({ annotations: asked }))

    it("gets the sidecar and the gate before Tekton's own init containers", () => {
      expect(result.initContainers.map((one) => one.name)).toEqual([
        'tokenbroker',
        'tokenbroker-gate',
        'prepare',
        'place-scripts',
        'working-dir-initializer',
      ])
      expect(result.container('tokenbroker')['restartPolicy']).toBe('Always')
      expect(result.container('tokenbroker-gate')['restartPolicy']).toBeUndefined()
    })

    it('tells the sidecar what it takes: broker, authorities, and the steps with their policies', () => {
      const config = parseConfig(result.config())

      expect(config.broker).toMatchObject({ url: settings.brokerUrl, ca: settings.ca })
      expect(config.volume).toBe('/tokenbroker')
      expect(config.steps).toEqual([
        {
          directory: '/tokenbroker/step-rollout',
          mountPath: '/tokenbroker',
          policies: [{ policy: 'deploy-staging', optional: false }],
        },
      ])
      expect(result.container('tokenbroker').args?.slice(0, 3)).toEqual([
        '--max-semi-space-size=2',
        '/app/sidecar.mjs',
        '--config-json',
      ])
    })

    it('shows the step where everything is, before its own variables', () => {
      const { env } = inject(
        tektonPod({
          annotations: asked,
          steps: [{ name: 'rollout', env: [{ name: 'OWN', value: '$(TOKENBROKER_DIR)' }] }],
        }),
      ).container('step-rollout')

      expect(env).toEqual([
        { name: 'TOKENBROKER_DIR', value: '/tokenbroker' },
        { name: 'TOKENBROKER_URL', value: 'http://127.0.0.1:8099' },
        { name: 'TOKENBROKER_TOKEN_FILE', value: '/tokenbroker/deploy-staging/token' },
        { name: 'TOKENBROKER_HEADER_FILE', value: '/tokenbroker/deploy-staging/header' },
        { name: 'OWN', value: '$(TOKENBROKER_DIR)' },
      ])
    })

    it('mounts its directory in the step, read-only, beside what was there', () => {
      const before = tektonPod({ annotations: asked }).spec.containers[0]?.volumeMounts ?? []

      expect(result.container('step-rollout').volumeMounts).toEqual([
        ...before,
        { name: 'tokenbroker', mountPath: '/tokenbroker', subPath: 'step-rollout', readOnly: true },
      ])
    })

    it('keeps tokens in memory, and the identity of the pod to the sidecar', () => {
      const [tokens, identity] = result.volumes.slice(-2)
      const mounting = [...result.initContainers, ...result.containers]
        .filter((one) => one.volumeMounts?.some((mount) => mount.name === 'tokenbroker-identity'))
        .map((one) => one.name)

      expect(tokens).toEqual({ name: 'tokenbroker', emptyDir: { medium: 'Memory', sizeLimit: '2Mi' } })
      expect(identity).toEqual({
        name: 'tokenbroker-identity',
        projected: {
          sources: [{ serviceAccountToken: { audience: settings.audience, expirationSeconds: 3600, path: 'token' } }],
        },
      })
      expect(mounting).toEqual(['tokenbroker'])
    })

    it.each(['tokenbroker', 'tokenbroker-gate'])(
      'hardens %s, and keeps the token of the API server from it',
      (name) => {
        const container = result.container(name)

        expect(container['securityContext']).toEqual({
          allowPrivilegeEscalation: false,
          capabilities: { drop: ['ALL'] },
          privileged: false,
          readOnlyRootFilesystem: true,
          runAsGroup: 65_532,
          runAsNonRoot: true,
          runAsUser: 65_532,
          seccompProfile: { type: 'RuntimeDefault' },
        })
        expect(container['resources']).toEqual(settings.sidecarResources)
        expect(container['terminationMessagePolicy']).toBe('FallbackToLogsOnError')
        expect(container['command']).toBeUndefined()
        expect(container.volumeMounts).toContainEqual({
          name: 'tokenbroker',
          mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
          subPath: '.none',
          readOnly: true,
        })
      },
    )

    it('waits a minute at the gate', () => {
      expect(result.container('tokenbroker-gate').args).toEqual([
        '/app/gate.mjs',
        '--timeout',
        '60s',
        '--message-file',
        '/dev/termination-log',
      ])
    })

    it('carries a label by which its end is watched', () => {
      const bare = tektonPodObject({ annotations: asked })
      const { labels: _, ...metadata } = bare.metadata

      expect(result.pod.metadata.labels).toMatchObject({
        'tekton.dev/taskRun': 'release-deploy',
        'tokenbroker.dev/injected': 'true',
      })
      expect(inject(parsePod({ ...bare, metadata })).pod.metadata.labels).toEqual({
        'tokenbroker.dev/injected': 'true',
      })
    })

    it('answers probes on the health listener', () => {
      expect(result.container('tokenbroker')['readinessProbe']).toMatchObject({
        httpGet: { path: '/readyz', port: parseConfig(result.config()).health.port },
      })
      expect(result.env('step-rollout')['TOKENBROKER_URL']).toContain(`:${parseConfig(result.config()).listen.port}`)
    })

    it('leaves the user to the platform where it says so', () => {
      const { runAsUser: _, ...rest } = settings
      const within = { ...context(), settings: { ...rest, runAsUser: undefined } }
      const security = inject(tektonPod({ annotations: asked }), within).container('tokenbroker')['securityContext']

      expect(security).not.toHaveProperty('runAsUser')
      expect(security).not.toHaveProperty('runAsGroup')
      expect(security).toMatchObject({ runAsNonRoot: true })
    })
  })

  describe('several steps and tokens', () => {
    const steps = [{ name: 'clone' }, { name: 'rollout' }, { name: '' }]

    it('gives every step a directory of its own', () => {
      const { containers, config } = inject(annotated({ inject: 'deploy-staging' }, { steps }))

      expect(containers.map((one) => one.volumeMounts?.at(-1)?.subPath)).toEqual([
        'step-clone',
        'step-rollout',
        'step-unnamed-2',
      ])
      expect(config().steps.map((step) => step.directory)).toEqual([
        '/tokenbroker/step-clone',
        '/tokenbroker/step-rollout',
        '/tokenbroker/step-unnamed-2',
      ])
    })

    it('leaves steps alone that are not chosen', () => {
      const pod = annotated({ inject: 'deploy-staging', steps: 'rollout, unnamed-2' }, { steps })
      const result = inject(pod)

      expect(result.container('step-clone')).toEqual(pod.spec.containers[0])
      expect(result.config().steps).toHaveLength(2)
    })

    it('names no single token where a step has several, and knows aliases', () => {
      const result = inject(annotated({ inject: 'deploy-staging,api=push-image' }))

      expect(result.env('step-rollout')).toEqual({
        TOKENBROKER_DIR: '/tokenbroker',
        TOKENBROKER_URL: 'http://127.0.0.1:8099',
      })
      expect(result.config().steps[0]?.policies).toEqual([
        { policy: 'deploy-staging' },
        { policy: 'push-image', alias: 'api' },
      ])
    })

    it('finds a step whose name Tekton has cut', () => {
      const long = `a${'b'.repeat(60)}`
      const result = inject(annotated({ inject: 'a', steps: long }, { steps: [{ name: long }] }))

      expect(result.container(`step-${long}`.slice(0, 63)).volumeMounts?.at(-1)?.subPath).toHaveLength(63)
    })

    it('gives tokens to no sidecar of the task', () => {
      const sidecars = [{ name: 'registry' }]
      for (const hasNativeSidecars of [false, true]) {
        const pod = annotated({ inject: 'deploy-staging' }, { sidecars, hasNativeSidecars })
        const result = inject(pod)

        expect(result.container('sidecar-registry').volumeMounts).toBeUndefined()
        expect(result.initContainers[0]?.name).toBe('tokenbroker')
        expect(result.initContainers.at(-1)?.name).toBe(
          hasNativeSidecars ? 'sidecar-registry' : 'working-dir-initializer',
        )
      }
    })

    it('makes the volume larger where much goes into it', () => {
      const policies = Array.from({ length: 16 }, (_, i) => `policy-${i}`).join(',')
      const { volumes } = inject(annotated({ inject: policies }, { steps }))

      expect(volumes.at(-2)).toMatchObject({ emptyDir: { sizeLimit: '7Mi' } })
    })
  })

  describe('the other annotations', () => {
    it('lets steps start without an optional token, also when the time is over', () => {
      const result = inject(annotated({ inject: 'deploy-staging', optional: 'true', wait: '1m30s' }))

      expect(result.container('tokenbroker-gate').args).toEqual(expect.arrayContaining(['90s', '--optional']))
      expect(result.config().steps[0]?.policies).toEqual([{ policy: 'deploy-staging', optional: true }])
    })

    const pool = '//iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/p/providers/q'

    it.each([
      ['docker', {}, { DOCKER_CONFIG: '/tokenbroker/t', REGISTRY_AUTH_FILE: '/tokenbroker/t/config.json' }],
      ['netrc', {}, { NETRC: '/tokenbroker/t/netrc' }],
      [
        'aws',
        { provider: 'aws' },
        {
          AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://127.0.0.1:8099/aws/t',
          AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: '/tokenbroker/key',
        },
      ],
      [
        'aws',
        {},
        { AWS_WEB_IDENTITY_TOKEN_FILE: '/tokenbroker/t/token', AWS_ROLE_ARN: 'arn:aws:iam::123456789012:role/deploy' },
      ],
      ['gcp', { audience: pool }, { GOOGLE_APPLICATION_CREDENTIALS: '/tokenbroker/t/gcp.json' }],
      [
        'gcp',
        { audience: 'https://storage.googleapis.com' },
        { CLOUDSDK_AUTH_ACCESS_TOKEN_FILE: '/tokenbroker/t/token' },
      ],
      ['azure', {}, { AZURE_FEDERATED_TOKEN_FILE: '/tokenbroker/t/token' }],
      ['kubeconfig', {}, { KUBECONFIG: '/tokenbroker/t/kubeconfig' }],
      [
        'git',
        {},
        {
          GIT_CONFIG_COUNT: '2',
          GIT_CONFIG_KEY_0: 'credential.https://code.example.com.helper',
          GIT_CONFIG_VALUE_0: '',
          GIT_CONFIG_KEY_1: 'credential.https://code.example.com.helper',
          GIT_CONFIG_VALUE_1:
            '!f() { test "$1" != get || git credential-store --file /tokenbroker/t/git-credentials get; }; f',
        },
      ],
    ] as readonly (readonly [string, Partial<PolicyFacts>, Record<string, string>])[])(
      'presents a token as %s',
      (as, facts, variables) => {
        const within = context([], [], samePolicy(facts))
        const result = inject(annotated({ inject: 't=deploy-staging', as }), within)

        expect(result.env('step-rollout')).toMatchObject(variables)
        expect(parseConfig(result.config()).steps[0]?.policies[0]).toMatchObject({
          as: [as],
          audience: facts.audience ?? 'https://code.example.com',
        })
        for (const name of ['AWS_WEB_IDENTITY_TOKEN_FILE', 'AWS_CONTAINER_CREDENTIALS_FULL_URI']) {
          expect(Object.hasOwn(result.env('step-rollout'), name)).toBe(Object.hasOwn(variables, name))
        }
      },
    )

    it('takes role and identity from the step where it says them itself', () => {
      const own = { AWS_ROLE_ARN: 'arn:aws:iam::1:role/own', AZURE_CLIENT_ID: 'own' }
      const env = Object.entries(own).map(([name, value]) => ({ name, value }))
      const id = '11111111-2222-4333-8444-555555555555'
      const policies = samePolicy({ scopes: [`${id}/${id}`] })
      const pod = annotated({ inject: 't', as: 'aws,azure' }, { steps: [{ name: 'rollout', env }] })

      expect(inject(pod, context([], [], policies)).env('step-rollout')).toMatchObject({ ...own, AZURE_TENANT_ID: id })
    })

    it('merges several kubeconfigs, and two servers of git, in one step', () => {
      const result = inject(annotated({ inject: 'a,b', as: 'a=kubeconfig,b=kubeconfig,a=git,b=git' }))

      expect(result.env('step-rollout')).toMatchObject({
        KUBECONFIG: '/tokenbroker/a/kubeconfig:/tokenbroker/b/kubeconfig',
        GIT_CONFIG_COUNT: '4',
        GIT_CONFIG_VALUE_3:
          '!f() { test "$1" != get || git credential-store --file /tokenbroker/b/git-credentials get; }; f',
      })
    })

    it('presents each of several tokens in its form', () => {
      const result = inject(
        annotated({ inject: 'source,image=push-image', as: 'source=git,source=netrc,image=docker' }),
      )

      expect(result.config().steps[0]?.policies).toEqual([
        { policy: 'source', audience: 'https://code.example.com', as: ['git', 'netrc'] },
        { policy: 'push-image', alias: 'image', audience: 'https://code.example.com', as: ['docker'] },
      ])
      expect(result.env('step-rollout')).toMatchObject({
        NETRC: '/tokenbroker/source/netrc',
        DOCKER_CONFIG: '/tokenbroker/image',
      })
    })

    it('adds to the git settings of a step, and replaces other variables of that name', () => {
      const env = [
        { name: 'GIT_CONFIG_COUNT', value: '2' },
        { name: 'GIT_CONFIG_KEY_0', value: 'user.name' },
        { name: 'DOCKER_CONFIG', valueFrom: { configMapKeyRef: { name: 'a', key: 'b' } } },
        { name: 'KEPT', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      ]
      const result = inject(annotated({ inject: 'a', as: 'git,docker' }, { steps: [{ name: 'rollout', env }] }))
      const names = result.container('step-rollout').env?.map((one) => one.name) ?? []

      expect(result.env('step-rollout')).toMatchObject({
        GIT_CONFIG_COUNT: '4',
        GIT_CONFIG_KEY_0: 'user.name',
        GIT_CONFIG_KEY_2: 'credential.https://code.example.com.helper',
        DOCKER_CONFIG: '/tokenbroker/a',
      })
      expect(result.container('step-rollout').env).toContainEqual(env[3])
      expect(new Set(names).size).toBe(names.length)
    })
  })

  describe('tokens of TokenExchange tasks', () => {
    it('come without any annotation, narrowed as the task says', () => {
      const asks = [ask('deploy-staging', { audience: 'https://a', scopes: ['b', 'c'], as: ['netrc'] })]
      const result = inject(tektonPod(), context(asks))

      expect(parseConfig(result.config()).steps[0]?.policies).toEqual([
        { policy: 'deploy-staging', audience: 'https://a', scope: ['b', 'c'], as: ['netrc'], optional: false },
      ])
    })

    it('reach the sidecar as they were judged, whatever variables the kubelet would expand in its arguments', () => {
      const asks = [ask('deploy-staging', { audience: 'api://$(KUBERNETES_SERVICE_HOST)', scopes: ['a$$b'] })]
      const result = inject(tektonPod(), context(asks))

      expect(result.container('tokenbroker').args?.join(' ')).not.toContain('$')
      expect(parseConfig(result.config()).steps[0]?.policies).toMatchObject([
        { audience: 'api://$(KUBERNETES_SERVICE_HOST)', scope: ['a$$b'] },
      ])
    })

    it('join those of annotations, and an equal one is one', () => {
      const pod = annotated({ inject: 'deploy-staging,other' }, { steps: [{ name: 'a' }, { name: 'b' }] })
      const result = inject(pod, context([ask('deploy-staging', { steps: ['b'] }), ask('third', { steps: ['b'] })]))

      expect(result.config().steps.map((step) => step.policies)).toEqual([
        [{ policy: 'deploy-staging' }, { policy: 'other' }],
        [{ policy: 'deploy-staging' }, { policy: 'other' }, { policy: 'third' }],
      ])
    })

    it('go into the steps that both name', () => {
      const steps = [{ name: 'a' }, { name: 'b' }, { name: 'c' }]
      const result = inject(annotated({ steps: 'b,c' }, { steps }), context([ask('t', { steps: ['a', 'b'] })]))

      expect(result.config().steps.map((step) => step.directory)).toEqual(['/tokenbroker/step-b'])
    })

    it('take wait, optional and as of the annotations', () => {
      const result = inject(annotated({ wait: '5', optional: 'true', as: 'git' }), context([ask('t')]))

      expect(result.container('tokenbroker-gate').args).toEqual(expect.arrayContaining(['5s', '--optional']))
      expect(result.config().steps[0]?.policies).toEqual([
        { policy: 't', audience: 'https://code.example.com', optional: true, as: ['git'] },
      ])
    })
  })

  describe('pods that are left alone', () => {
    it.each([
      ['ask for nothing', {}],
      ['say nothing in inject', { inject: '' }],
      ['say nothing but spaces', { inject: '  ' }],
      ['only say how', { steps: 'nowhere', as: 'svn', optional: 'maybe', wait: 'x' }],
    ])('%s', (_, annotations) => {
      expect(mutate(annotated(annotations), context())).toEqual({ kind: 'untouched' })
    })

    it('have an empty inject, also when a TokenExchange task before them asks', () => {
      expect(mutate(annotated({ inject: '' }), context([ask('t')]))).toEqual({ kind: 'untouched' })
    })

    it.each([
      ['is on the network of the node', { podTemplate: { hostNetwork: true } }],
      [
        'has the sidecar in its Task',
        { sidecars: [{ name: 'tokenbroker' }], volumes: [{ name: 'tokenbroker', emptyDir: {} }] },
      ],
    ])('ask for nothing, whatever else: one that %s', (_, options) => {
      expect(mutate(tektonPod(options), context())).toEqual({ kind: 'untouched' })
      expect(mutate(tektonPod(options), { origin: { kind: 'unknown' }, settings, policies: samePolicy() })).toEqual({
        kind: 'untouched',
      })
    })

    it.each([false, true])('have been injected before (native sidecars: %s)', (hasNativeSidecars) => {
      const sidecars = [{ name: 'registry' }]
      const { pod } = inject(annotated({ inject: 'a,b=c', as: 'a=git' }, { sidecars, hasNativeSidecars }))

      expect(mutate(pod, context())).toEqual({ kind: 'untouched' })
    })

    it('have been injected by another version, and changed by other webhooks since', () => {
      const { pod } = inject(annotated({ inject: 'a' }))
      const [sidecar, gate, ...others] = pod.spec.initContainers ?? []
      const mesh = { name: 'istio-proxy', restartPolicy: 'Always' }
      const changed = {
        ...sidecar,
        image: 'mirror/tokenbroker-task:2',
        args: [],
        resources: { limits: { cpu: '1' } },
        volumeMounts: [...(sidecar?.volumeMounts ?? []), { name: 'cert', mountPath: '/cert' }],
      }
      const spec = { ...pod.spec, initContainers: [mesh, changed, gate, ...others] }

      expect(mutate(parsePod({ ...pod, spec }), context())).toEqual({ kind: 'untouched' })
    })
  })

  it('takes a container for a step only where its name can be a directory', () => {
    const object = tektonPodObject({ annotations: asked })
    const strange = ['step-../../etc', 'step-', 'step-a/b', 'Step-a'].map((name) => ({ name }))
    const spec = { ...object.spec, containers: [...object.spec.containers, ...strange] }

    expect(inject(parsePod({ ...object, spec })).config().steps).toHaveLength(1)
  })

  it('works on a pod without init containers and volumes', () => {
    const { initContainers: _, volumes: __, ...spec } = tektonPodObject({ annotations: asked }).spec
    for (const empty of [{}, { initContainers: null, volumes: null }, { initContainers: [], volumes: [] }]) {
      const pod = parsePod({ ...tektonPodObject({ annotations: asked }), spec: { ...spec, ...empty } })
      const result = applied(pod, mutate(pod, context()))

      expect(result.initContainers.map((one) => one.name)).toEqual(['tokenbroker', 'tokenbroker-gate'])
      expect(result.volumes.map((one) => one.name)).toEqual(['tokenbroker', 'tokenbroker-identity'])
    }
  })

  it('injects the pod of a retry as it did the first', () => {
    const first = inject(tektonPod({ annotations: asked }))
    const again = inject(tektonPod({ annotations: asked, retries: 1 }))

    expect(again.pod.metadata.name).toBe('release-deploy-pod-retry1')
    expect(again.pod.spec).toEqual(first.pod.spec)
  })
})
