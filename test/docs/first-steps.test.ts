import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { brokerConfig } from '../../broker/config.ts'
import { controllerConfig } from '../../custom-task/controller/config.ts'
import { blocks } from './pages.ts'

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly [field: string]: unknown
}

function read(file: string): readonly Manifest[] {
  return parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as Manifest)
}

const manifests = read('docs/guides/first-steps/install.yaml')

function named(kind: string, name: string): Manifest {
  const found = manifests.find((one) => one.kind === kind && one.metadata.name === name)
  return found ?? expect.fail(`install.yaml has no ${kind} ${name}`)
}

function configOf(name: string, file: string): unknown {
  const { data } = named('ConfigMap', name) as unknown as { readonly data: Record<string, string> }
  return parse(data[file] ?? '')
}

const broker = brokerConfig.parse(configOf('tokenbroker-broker', 'broker.yaml'))
const controller = controllerConfig.parse(configOf('tokenbroker-controller', 'controller.yaml'))

describe('docs/guides/first-steps/install.yaml', () => {
  it('binds every role of charts/rbac to an account that is there', () => {
    const roles = ['broker', 'controller'].flatMap((name) => read(`charts/rbac/${name}.yaml`))
    for (const { kind, metadata } of roles) {
      const binding = named(`${kind}Binding`, metadata.name) as unknown as {
        readonly roleRef: object
        readonly subjects: readonly [{ readonly name: string; readonly namespace: string }]
      }
      expect(binding.roleRef).toMatchObject({ kind, name: metadata.name })
      expect(named('ServiceAccount', binding.subjects[0].name).metadata.namespace).toBe(binding.subjects[0].namespace)
    }
  })

  it('has one issuer: in the configuration, in the audience of the controller and in the example', () => {
    const task = readFileSync('tekton/examples/custom-task/task.yaml', 'utf8')

    expect(JSON.stringify(named('Deployment', 'tokenbroker-controller'))).toContain(`"audience":"${broker.issuer}"`)
    expect(task).toContain(`audience: ${broker.issuer}`)
    expect(task).toContain(`"url": "${broker.tokenUrl}"`)
    expect(controller.broker.url).toBe(broker.tokenUrl)
  })

  it('lets its own controller act, and nobody else', () => {
    const { name, namespace } = named('ServiceAccount', 'tokenbroker-controller').metadata

    const deployment = named('Deployment', 'tokenbroker-controller').metadata.name
    expect(broker.controller).toEqual({ namespace, serviceAccount: name, deployment, peerAddress: 'record' })
  })

  it.each([
    ['tokenUrl', broker.tokenUrl, broker.listeners.token],
    ['issuer', broker.issuer, broker.listeners.discovery],
  ])('has a Service and a certificate for %s', (_key, url, listener) => {
    const { hostname } = new URL(url ?? '')
    const [name = '', namespace] = hostname.split('.')
    const service = named('Service', name) as unknown as { readonly spec: object; readonly metadata: object }

    expect(service).toMatchObject({
      metadata: { namespace },
      spec: { ports: [{ port: 443, targetPort: listener.port }] },
    })
    expect(listener.tls).toBeDefined()
    expect(blocks('sh').some(({ text }) => text.includes(`DNS:${hostname}`))).toBe(true)
  })

  it('probes the ports that the processes listen on', () => {
    const probed = (kind: string, name: string) => JSON.stringify(named(kind, name)).match(/"port":\d+/g)

    expect(new Set(probed('StatefulSet', 'tokenbroker'))).toEqual(new Set([`"port":${broker.listeners.metrics.port}`]))
    expect(new Set(probed('Deployment', 'tokenbroker-controller'))).toEqual(
      new Set([`"port":${controller.health.port}`]),
    )
  })
})
