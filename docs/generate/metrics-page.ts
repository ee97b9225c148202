import { createBrokerMetrics } from '../../broker/metrics.ts'
import { createMetrics } from '../../custom-task/controller/metrics.ts'
import { code, generatedFrom, page, table } from './markdown.ts'

interface Metric {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly labels: readonly string[]
}

export async function metricsPage(): Promise<string> {
  return page(
    generatedFrom('broker/metrics.ts or custom-task/controller/metrics.ts'),
    '# Metrics',
    'Prometheus text at `/metrics` of the broker’s metrics listener and of the controller’s health listener. Labels come ' +
      'from closed sets, never from a request: `reason` is one of [errors](../errors.md#reasons) or of the outcomes that are ' +
      'no refusal. The sidecar has none.',
    '## Broker',
    metricTable(await brokerMetrics()),
    'Beside them `process_*` and `nodejs_*`, as prom-client collects them.',
    '## Controller',
    metricTable(await controllerMetrics()),
  )
}

function metricTable(metrics: readonly Metric[]): string {
  return table(
    ['metric', 'type', 'labels', 'meaning'],
    metrics.map(({ name, type, labels, help }) => [code(name), type, labels.map(code).join(', '), help]),
  )
}

/** By the registry: it knows labels also of what was never counted. */
async function brokerMetrics(): Promise<readonly Metric[]> {
  const { registry } = createBrokerMetrics({ version: '0' })
  const described = await registry.getMetricsAsJSON()
  return described
    .filter(({ name }) => name.startsWith('tokenbroker_'))
    .map(({ name, help, type }) => ({
      name,
      help,
      type: String(type),
      labels: labelsOf(registry.getSingleMetric(name)),
    }))
}

/** prom-client keeps them in a field that its types leave out. */
function labelsOf(metric: unknown): readonly string[] {
  const names: unknown = Reflect.get(Object(metric), 'labelNames')
  return Array.isArray(names) ? names.map(String) : []
}

/** By the text, after each was counted once. */
async function controllerMetrics(): Promise<readonly Metric[]> {
  const metrics = createMetrics(() => ({ waiting: 0, delayed: 0, running: 0 }))
  metrics.wrote('Authorized')
  metrics.runEnd('told')
  const text = await metrics.text()
  return [...text.matchAll(/^# HELP (\S+) (.+)\n# TYPE \S+ (\S+)$/gm)].map(([, name = '', help = '', type = '']) => {
    const sample = new RegExp(`^${name}\\{([^}]*)\\}`, 'm').exec(text)?.[1] ?? ''
    return { name, help, type, labels: [...sample.matchAll(/(\w+)="/g)].map(([, label = '']) => label) }
  })
}
