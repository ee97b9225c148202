import { contestants, type ExchangeFigures } from './exchange-bench.ts'
import type { JournalFigures } from './programs/journal.ts'
import type { StepFigures } from './programs/steps.ts'
import { range, row } from './report.ts'
import type { SidecarFigures } from './sidecar-bench.ts'
import type { WebhookFigures } from './webhook-bench.ts'

export function printSteps({ steps, issue, floor, garbage, coldMore }: StepFigures, pods: number): void {
  console.log(`\nSteps of one exchange: microseconds of processor time, caches warm, tokens of ${pods} pods`)
  const us = (value: number) => value.toFixed(1)
  for (const [name, value] of Object.entries(steps)) console.log(row(name, us(value)))
  console.log(row('issue the token, RS256', us(issue.RS256), `signature ${us(floor['RS256 sign'])}`))
  console.log(row('issue the token, ES256', us(issue.ES256), `signature ${us(floor['ES256 sign'])}`))
  const rest = Object.values(steps).reduce((sum, value) => sum + value, 0)
  const verify = floor['RS256 verify']
  const whole = (algorithm: 'RS256' | 'ES256') => {
    const crypto = verify + floor[`${algorithm} sign`]
    return [us(rest + issue[algorithm]), `cryptography ${us(crypto)}`]
  }
  console.log(row('all of it, RS256', ...whole('RS256')))
  console.log(row('all of it, ES256', ...whole('ES256')))
  console.log('  Not in it: HTTP, the disk, garbage collection.')
  console.log(row('more for a pod not seen for 10 s', us(coldMore), 'TokenReview, RBAC, run'))
  console.log('\nGarbage of the same steps: KiB allocated by one call')
  for (const [name, value] of Object.entries(garbage)) console.log(row(name, value.toFixed(1)))
}

export function printJournal({ durable, memory }: JournalFigures): void {
  console.log('\nJournal: callers that wait for each receipt')
  for (const [name, figures] of Object.entries({ durable, 'in memory': memory })) {
    for (const { callers, recordsPerSecond, recordsPerCpuSecond, p50Ms, p99Ms } of figures) {
      const rates = [`${recordsPerSecond.toFixed(0)} records/s`, `${recordsPerCpuSecond.toFixed(0)} per CPU-s`]
      console.log(row(`${name}, ${callers} callers`, ...rates, latency({ p50Ms, p99Ms })))
    }
  }
}

export function printSidecar({ sidecar, bare, alone, rssMiB }: SidecarFigures, connections: number): void {
  console.log(`\nSidecar, cached token: requests per CPU-second of the server process, ${connections} connections`)
  const memory = `${rssMiB.idle.toFixed(0)} MiB idle, ${rssMiB.afterLoad.toFixed(0)} after`
  console.log(row('sidecar, all guards', range(sidecar, 0), memory))
  console.log(row('bare node:http, constant answer', range(bare, 0)))
  for (const [way, both] of Object.entries(alone)) {
    for (const [name, { p50Ms, p99Ms }] of Object.entries(both)) {
      const [p50, p99] = [p50Ms, p99Ms].map((all) =>
        range(
          all.map((ms) => ms * 1000),
          0,
        ),
      )
      console.log(row(`${name}, one connection, ${way}`, `p50 ${p50} µs`, `p99 ${p99} µs`))
    }
  }
}

export function printWebhook({ firstMs, alone, burst, rssMiB }: WebhookFigures): void {
  console.log(
    '\nWebhook: decisions about pods that get a sidecar, over TLS; each reads three objects of the API server',
  )
  const rate = ({ answers, seconds }: { answers: number; seconds: number }) => `${(answers / seconds).toFixed(0)}/s`
  console.log(row('the first of a fresh process', `${firstMs.toFixed(1)} ms`))
  console.log(row('one connection, pods of one PipelineRun', rate(alone.sameRun), latency(alone.sameRun)))
  console.log(row('one connection, each of another PipelineRun', rate(alone.otherRuns), latency(alone.otherRuns)))
  console.log(row(`${burst.connections} connections, each of another PipelineRun`, rate(burst), latency(burst)))
  console.log(row('webhook, resident', `${rssMiB.toFixed(0)} MiB`))
  console.log(
    '  It keeps no runs in memory, so a PipelineRun that it has seen is read again. The API server waits 2 s.',
  )
}

const notes = `  The broker is bundled as in its image, has the heap of a pod of 512 MiB and logs each exchange, as it does by default.
  The caches of what it asks the API server are warm, as those of a busy pod are; the steps say what they save.
  Its memory holds every token of the run: a grant is remembered until it expires, here after five minutes.`

export function printExchanges(figures: ExchangeFigures, pods: number, connections: number): void {
  console.log(
    `\nExchange: requests per CPU-second of the server process, ${connections} connections, tokens of ${pods} pods`,
  )
  for (const name of contestants) {
    const found = figures.atLoad.get(name)
    if (found !== undefined) console.log(row(name, range(found.perCpuSecond, 0), latency(found)))
  }
  for (const [name, { p50Ms }] of figures.alone) console.log(row(name, 'one connection', `p50 ${p50Ms.toFixed(2)} ms`))
  for (const [name, { p99Ms }] of figures.paced) console.log(row(name, '500 a second', `p99 ${p99Ms.toFixed(1)} ms`))
  const { idle, after64Connections } = figures.brokerMiB
  console.log(row('broker, resident', `${idle.toFixed(0)} MiB idle`, `${after64Connections.toFixed(0)} MiB at 64`))
  console.log(notes)
}

function latency({ p50Ms, p99Ms }: { readonly p50Ms: number; readonly p99Ms: number }): string {
  return `p50 ${p50Ms.toFixed(2)}, p99 ${p99Ms.toFixed(1)} ms`
}
