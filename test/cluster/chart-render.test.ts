import { describe, expect, test } from 'vitest'
import { webhookConfiguration } from '../../custom-task/webhook-configuration.ts'
import { type KubeObject, readObjects } from './harness/kube.ts'
import { chart, helm } from './product/helm.ts'
import { release, system } from './product/names.ts'

/** What the chart makes of these values, without a cluster. */
async function render(values: object = {}): Promise<readonly KubeObject[]> {
  return readObjects(await helm(['template', release, chart, '--namespace', system], values))
}

function find(objects: readonly KubeObject[], kind: string, name: string): KubeObject {
  const found = objects.find((one) => one.kind === kind && one.metadata.name === name)
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`)
  return found
}

interface PodSpec {
  readonly securityContext?: object
  readonly containers: readonly {
    readonly image: string
    readonly securityContext?: object
    readonly resources?: object
  }[]
  readonly volumes: readonly { readonly name: string; readonly [kind: string]: unknown }[]
}

function podSpecs(objects: readonly KubeObject[]): readonly PodSpec[] {
  return objects.flatMap(({ kind, spec }) => (kind === 'Pod' ? [spec] : (spec?.template?.spec ?? [])))
}

function volume(object: KubeObject, name: string) {
  return (object.spec.template.spec as PodSpec).volumes.find((one) => one.name === name)
}

/** Everything that the chart can make. */
const everything = {
  issuer: { audiences: ['https://deploy.example.com'], scopes: ['deploy:staging'] },
  crds: { keep: false },
  networkPolicy: { enabled: true },
  broker: { podDisruptionBudget: true },
  secretDelivery: { enabled: true },
  interceptor: { enabled: true, senders: [sender()] },
}

function sender() {
  const triggers = [{ namespace: 'ci', name: 'push', eventListener: { name: 'github' } }]
  return { name: 'acme', kind: 'github', secretName: 'github-webhook', triggers, loginMap: { octocat: 'alice' } }
}

describe('the chart', () => {
  test('has pods that keep to the restricted standard, do not write to their images, and say what they need', async () => {
    const specs = podSpecs(await render(everything))

    expect(specs).toHaveLength(5)
    for (const { securityContext, containers } of specs) {
      expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
      for (const container of containers) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        })
        expect(container.resources).toMatchObject({ requests: { memory: expect.anything() } })
      }
    }
  })

  test('labels everything, and gives nothing rights that are not in charts/rbac', async () => {
    const objects = await render(everything)

    for (const { kind, metadata } of objects) {
      const labels = { 'app.kubernetes.io/instance': release, 'app.kubernetes.io/part-of': 'tokenbroker' }
      expect({ kind, labels: metadata.labels }).toMatchObject({ kind, labels })
    }
    const roles = objects.filter(({ kind }) => kind.endsWith('Role')).map(({ metadata }) => metadata.name)
    expect(roles.toSorted()).toEqual(
      [
        'approver',
        'broker',
        'broker',
        'certificates',
        'certificates',
        'controller',
        'controller',
        'delete-crds',
        'interceptor',
        'secrets',
        'view',
        'webhook',
      ].map((name) => `tokenbroker-${name}`),
    )
  })

  test('names its objects after the release', async () => {
    const objects = readObjects(await helm(['template', 'other', chart, '--namespace', 'elsewhere'], everything))
    const namespaced = new Set(objects.map(({ metadata }) => metadata.namespace).filter((one) => one !== undefined))

    expect([...namespaced]).toEqual(['elsewhere'])
    const role = find(objects, 'Role', 'other-tokenbroker-certificates')
    expect(role['rules'][0].resourceNames).toEqual(['other-tokenbroker-certificates'])
    expect(objects.filter(({ metadata }) => metadata.name?.startsWith('tokenbroker'))).toEqual([])
  })

  test('gives no right on a Secret but by name, and installs no policy about them, unless Secrets are offered', async () => {
    const objects = await render()

    expect(objects.filter(({ metadata }) => metadata.name === 'tokenbroker-secrets')).toEqual([])
    expect(find(objects, 'ConfigMap', 'tokenbroker-controller')['data']['controller.yaml']).not.toContain(
      'secretDelivery',
    )
  })

  test('gives the rights on Secrets in the namespaces that are named', async () => {
    const objects = await render({ secretDelivery: { enabled: true, namespaces: ['payments', 'shop'] } })
    const named = objects.filter(({ metadata }) => metadata.name === 'tokenbroker-secrets')

    expect(named.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}`).toSorted()).toEqual([
      'Role payments',
      'Role shop',
      'RoleBinding payments',
      'RoleBinding shop',
      'ValidatingAdmissionPolicy ',
      'ValidatingAdmissionPolicyBinding ',
    ])
  })

  test('asks the API server for the pods that the webhook expects', async () => {
    const found = find(await render(), 'MutatingWebhookConfiguration', 'tokenbroker-webhook')

    const expected = webhookConfiguration({
      name: 'tokenbroker-webhook',
      client: { service: { namespace: system, name: 'tokenbroker-webhook', port: 443 } },
      excludedNamespaces: ['kube-system', 'kube-node-lease', 'kube-public', system],
    })
    expect(found['webhooks']).toEqual(expected.webhooks)
  })

  test('starts a pod anew when its configuration changes, and not otherwise', async () => {
    const checksum = async (values: object) =>
      find(await render(values), 'StatefulSet', release).spec.template.metadata.annotations['checksum/config']

    expect(await checksum({ broker: { config: { shutdownGraceSeconds: 7 } } })).not.toBe(await checksum({}))
    expect(await checksum({ controller: { concurrency: 3 } })).toBe(await checksum({}))
  })

  test('gives the broker its senders, with the Secret of each in a directory of its own', async () => {
    const objects = await render(everything)
    const broker = find(objects, 'StatefulSet', release)
    const config = readObjects(find(objects, 'ConfigMap', 'tokenbroker-broker')['data']['broker.yaml'])[0]

    const { secretName, ...same } = sender()
    const secretDirectory = '/etc/tokenbroker/senders/acme'
    expect(config?.['interceptor']).toEqual({ senders: [{ ...same, secretDirectory }] })
    expect(volume(broker, 'sender-0')).toMatchObject({ secret: { secretName } })
    const { volumeMounts } = broker.spec.template.spec.containers[0]
    expect(volumeMounts).toContainEqual({ name: 'sender-0', mountPath: secretDirectory, readOnly: true })
  })

  test('never makes a ClusterInterceptor with the label and without authorities', async () => {
    const interceptor = async (values: object) =>
      find(await render({ ...everything, ...values }), 'ClusterInterceptor', 'tokenbroker-events')
    const product = await interceptor({})
    const existing = { brokerSecret: 'b', webhookSecret: 'w', caBundle: 'PEM' }
    const theirs = await interceptor({ certificates: { source: 'existing', existing } })

    expect(product.metadata.labels).not.toHaveProperty('server/type')
    expect(product.spec.clientConfig).not.toHaveProperty('caBundle')
    expect(theirs.metadata.labels).toMatchObject({ 'server/type': 'https' })
    expect(theirs.spec.clientConfig.caBundle).toBe(Buffer.from('PEM').toString('base64'))
    await expect(interceptor({ certificates: { source: 'certManager' } })).rejects.toThrow(/interceptor.enabled needs/)
  })

  test('takes an image by its digest', async () => {
    const digest = `sha256:${'0'.repeat(64)}`
    const objects = await render({ images: { broker: { repository: 'registry.example.com/broker', digest } } })

    const { image } = find(objects, 'StatefulSet', release).spec.template.spec.containers[0]
    expect(image).toBe(`registry.example.com/broker:0.1.0@${digest}`)
  })

  test.each([
    ['claimTemplate', {}, undefined],
    ['existingClaim', { existingClaim: 'journal' }, { name: 'data', persistentVolumeClaim: { claimName: 'journal' } }],
    ['emptyDir', {}, { name: 'data', emptyDir: {} }],
  ])('keeps the journal in a volume of kind %s', async (kind, more, expected) => {
    const broker = find(await render({ broker: { persistence: { kind, ...more } } }), 'StatefulSet', release)

    expect(volume(broker, 'data')).toEqual(expected)
    expect(broker.spec.volumeClaimTemplates?.length ?? 0).toBe(kind === 'claimTemplate' ? 1 : 0)
  })

  test('leaves the webhook out where it is not wanted', async () => {
    const objects = await render({ webhook: { enabled: false } })

    expect(objects.filter(({ metadata }) => metadata.name?.includes('webhook'))).toEqual([])
    expect(find(objects, 'ConfigMap', 'tokenbroker-controller')['data']['controller.yaml']).not.toContain('webhook')
  })
})

describe('certificates', () => {
  test('of cert-manager: it makes them, and our controller has no right to touch Secrets', async () => {
    const objects = await render({ certificates: { source: 'certManager' } })

    const certificates = objects.filter(({ kind }) => kind === 'Certificate').map(({ spec }) => spec.secretName)
    expect(certificates).toEqual(['tokenbroker-ca-tls', 'tokenbroker-broker-tls', 'tokenbroker-webhook-tls'])
    expect(volume(find(objects, 'StatefulSet', release), 'serving')).toMatchObject({
      secret: { secretName: 'tokenbroker-broker-tls' },
    })
    const configuration = find(objects, 'MutatingWebhookConfiguration', 'tokenbroker-webhook')
    expect(configuration.metadata.annotations).toMatchObject({
      'cert-manager.io/inject-ca-from': `${system}/tokenbroker-webhook`,
    })
    expect(JSON.stringify(objects.filter(({ kind }) => kind.endsWith('Role')))).not.toContain('"secrets"')
  })

  test('of an issuer of the platform', async () => {
    const issuerRef = { kind: 'ClusterIssuer', name: 'platform' }
    const objects = await render({ certificates: { source: 'certManager', certManager: { issuerRef } } })

    expect(objects.filter(({ kind }) => kind === 'Issuer')).toEqual([])
    expect(find(objects, 'Certificate', 'tokenbroker-broker').spec.issuerRef).toEqual(issuerRef)
  })

  test('that are there already', async () => {
    const existing = { brokerSecret: 'ours', webhookSecret: 'ours-too', caBundle: 'PEM\n' }
    const objects = await render({ certificates: { source: 'existing', existing } })

    expect(volume(find(objects, 'StatefulSet', release), 'serving')).toMatchObject({ secret: { secretName: 'ours' } })
    const [webhook] = find(objects, 'MutatingWebhookConfiguration', 'tokenbroker-webhook')['webhooks']
    expect(Buffer.from(webhook.clientConfig.caBundle, 'base64').toString()).toBe('PEM\n')
    expect(find(objects, 'ConfigMap', 'tokenbroker-ca')['data']['ca.crt'].trim()).toBe('PEM')
  })
})

describe('values that cannot be', () => {
  test.each([
    ['an unknown name', { brokr: {} }, /additional properties 'brokr' not allowed/],
    ['an unknown name deep down', { broker: { persistence: { sise: '1Gi' } } }, /'sise' not allowed/],
    ['a number that is a word', { webhook: { replicas: 'two' } }, /webhook\/replicas.*got string/],
    ['audiences without scopes', { issuer: { audiences: ['https://a.example.com'] } }, /issuer\/scopes.*minItems/],
    ['an issuer with a slash at its end', { issuer: { url: 'https://a.example.com/' } }, /issuer\/url/],
    ['an issuer over plain http', { issuer: { url: 'http://a.example.com' } }, /issuer\/url/],
    [
      'a scope that is two',
      { issuer: { audiences: ['https://a.example.com'], scopes: ['a b'] } },
      /issuer\/scopes\/0.*pattern/,
    ],
    [
      'existing certificates without a Secret',
      { certificates: { source: 'existing' } },
      /(broker|webhook)Secret names the Secret/,
    ],
    ['a claim without a name', { broker: { persistence: { kind: 'existingClaim' } } }, /existingClaim names the claim/],
  ])('are refused: %s', async (_, values, message) => {
    await expect(render(values)).rejects.toThrow(message)
  })
})
