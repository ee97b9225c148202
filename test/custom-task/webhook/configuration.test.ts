import { describe, expect, it } from 'vitest'
import { webhookConfiguration } from '../../../custom-task/webhook-configuration.ts'
import { tektonPodObject } from './tekton-pod.ts'

const service = { namespace: 'tokenbroker', name: 'tokenbroker-webhook', port: 443 }

interface Expression {
  readonly key: string
  readonly operator: string
  readonly values?: readonly string[]
}

/** LabelSelector, as far as it is used. */
function matches(expressions: readonly Expression[], labels: Readonly<Record<string, string | undefined>>): boolean {
  return expressions.every(({ key, operator, values = [] }) => {
    const value = labels[key]
    if (operator === 'Exists') return value !== undefined
    return operator === 'In'
      ? value !== undefined && values.includes(value)
      : value === undefined || !values.includes(value)
  })
}

describe('webhookConfiguration', () => {
  const configuration = webhookConfiguration({ name: 'tokenbroker', client: { service }, caBundle: 'Q0E=' })
  const [open, required, initiator, suspension] = configuration.webhooks
  const aboutPods = configuration.webhooks.filter(({ name }) => name.startsWith('inject'))

  it('asks about pods that are made, and about nothing else', () => {
    for (const webhook of aboutPods) {
      expect(webhook).toMatchObject({
        admissionReviewVersions: ['v1'],
        clientConfig: { service: { ...service, path: '/mutate' }, caBundle: 'Q0E=' },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
        sideEffects: 'None',
        reinvocationPolicy: 'IfNeeded',
        matchPolicy: 'Equivalent',
        timeoutSeconds: 2,
      })
      expect(webhook.name.split('.').length).toBeGreaterThanOrEqual(3)
    }
  })

  it.each([
    [{}, 'Ignore'],
    [{ 'tokenbroker.dev/injection': 'required' }, 'Fail'],
    [{ 'tokenbroker.dev/injection': 'disabled' }, undefined],
    [{ 'tokenbroker.dev/injection': 'anything' }, 'Ignore'],
    [{ 'kubernetes.io/metadata.name': 'kube-system' }, undefined],
    [{ 'kubernetes.io/metadata.name': 'kube-system', 'tokenbroker.dev/injection': 'required' }, undefined],
  ])('a namespace with labels %j is asked about once, with failurePolicy %s', (labels, policy) => {
    const asked = aboutPods.filter((webhook) =>
      matches(webhook.namespaceSelector.matchExpressions as readonly Expression[], labels),
    )

    expect(asked.map((webhook) => webhook.failurePolicy)).toEqual(policy === undefined ? [] : [policy])
  })

  it('sees pods of TaskRuns only', () => {
    const selector = open?.objectSelector as { readonly matchExpressions: readonly Expression[] } | undefined
    const expressions = selector?.matchExpressions ?? []

    expect(matches(expressions, tektonPodObject().metadata.labels)).toBe(true)
    expect(matches(expressions, { app: 'web' })).toBe(false)
    expect(open?.matchConditions).toEqual(required?.matchConditions)
    expect(open?.matchConditions.map((condition) => condition.name)).toEqual(['made-by-tekton', 'may-ask'])
  })

  it('is reached by URL where the test says so, and leaves trust to somebody else', () => {
    const url = 'https://127.0.0.1:9443'
    const [first, , third, last] = webhookConfiguration({
      name: 'a',
      client: { url },
      labels: { a: 'b' },
      excludedNamespaces: [],
    }).webhooks

    expect(first?.clientConfig).toEqual({ url: `${url}/mutate` })
    expect(third?.clientConfig).toEqual({ url: `${url}/stamp` })
    expect(last?.clientConfig).toEqual({ url: `${url}/stamp-suspension` })
    expect(first?.namespaceSelector.matchExpressions).toHaveLength(1)
  })

  it('hears of every run that is made, and holds nobody up for it', () => {
    expect(initiator).toMatchObject({
      name: 'initiator.tokenbroker.dev',
      clientConfig: { service: { ...service, path: '/stamp' }, caBundle: 'Q0E=' },
      rules: [
        { apiGroups: ['tekton.dev'], operations: ['CREATE'], resources: ['pipelineruns', 'taskruns', 'customruns'] },
      ],
      objectSelector: {},
      reinvocationPolicy: 'IfNeeded',
      failurePolicy: 'Ignore',
      sideEffects: 'None',
      timeoutSeconds: 1,
    })
    const selected = initiator?.namespaceSelector.matchExpressions as readonly Expression[]
    expect(matches(selected, { 'tokenbroker.dev/injection': 'disabled' })).toBe(true)
  })

  it('hears of every suspension, wherever it is, and holds nobody up for it', () => {
    expect(suspension).toMatchObject({
      name: 'suspension.tokenbroker.dev',
      clientConfig: { service: { ...service, path: '/stamp-suspension' }, caBundle: 'Q0E=' },
      rules: [
        {
          apiGroups: ['tokenbroker.dev'],
          operations: ['CREATE', 'UPDATE'],
          resources: ['tokenpolicies', 'clustertokenpolicies', 'clustertokenproviders'],
          scope: '*',
        },
      ],
      namespaceSelector: {},
      failurePolicy: 'Ignore',
      sideEffects: 'None',
      timeoutSeconds: 1,
    })
  })
})
