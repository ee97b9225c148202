import { describe, expect, it } from 'vitest'
import { createBrokerMetrics } from '../../broker/metrics.ts'

describe('createBrokerMetrics', () => {
  it('shows version, counted refusals and the health of the journal, beside those of the process', async () => {
    const metrics = createBrokerMetrics({ version: '1.2.3' })
    metrics.counted('token', 'malformed_request')
    metrics.counted('token', 'malformed_request')
    metrics.auditHealth({ isWritable: true, queueLength: 7, lastFsyncMs: 2.5 })

    const text = await metrics.registry.metrics()

    for (const line of [
      'tokenbroker_build_info{version="1.2.3"} 1',
      'tokenbroker_refusals_counted_total{door="token",reason="malformed_request"} 2',
      'tokenbroker_audit_writable 1',
      'tokenbroker_audit_queue_records 7',
      'tokenbroker_audit_last_fsync_seconds 0.0025',
    ]) {
      expect(text.split('\n')).toContain(line)
    }
    expect(text).toMatch(/^process_cpu_seconds_total /m)
    expect(text).toMatch(/^nodejs_eventloop_lag_seconds /m)
  })

  it('says that the journal cannot be written', async () => {
    const metrics = createBrokerMetrics({ version: '0' })
    metrics.auditHealth({ isWritable: false, queueLength: 0, lastFsyncMs: 0 })

    expect(await metrics.registry.getSingleMetricAsString('tokenbroker_audit_writable')).toContain(
      'tokenbroker_audit_writable 0',
    )
  })

  it('names every metric of our own by its unit, and explains it', async () => {
    const all = await createBrokerMetrics({ version: '0' }).registry.getMetricsAsJSON()
    const own = all.filter(({ name }) => name.startsWith('tokenbroker_'))

    expect(own.length).toBeGreaterThan(5)
    for (const { name, help, type } of own) {
      expect(help, name).toMatch(/^[A-Z0-9].*\.$|, always 1\.$/)
      expect(name.endsWith('_total'), name).toBe(String(type) === 'counter')
      expect(name).toMatch(/_(total|seconds|records|writable|enforced|info)$/)
    }
  })

  it('is made anew for each broker', () => {
    expect(() => [createBrokerMetrics({ version: '0' }), createBrokerMetrics({ version: '0' })]).not.toThrow()
  })
})
