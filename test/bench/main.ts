import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { benchExchanges, type ExchangeFigures } from './exchange-bench.ts'
import { goalLine, range, ratios } from './report.ts'

const usage = `Usage: npm run bench -- [--only exchange,sidecar,journal,steps] [--rounds N] [--seconds N]

Compares with baselines in the same run; single figures of a shared machine mean little, ratios within a round do.`

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'exchange' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    help: { type: 'boolean', short: 'h' },
  },
})
if (values.help) {
  console.log(usage)
  process.exit(0)
}

const rounds = Number(values.rounds)
const seconds = Number(values.seconds)
const progress = (line: string) => process.stderr.write(`${line}\n`)
const model = cpus()[0]?.model ?? 'unknown processor'
console.log(`Node ${process.version}, ${cpus().length} x ${model}, ${rounds} rounds of ${seconds} s\n`)

if (values.only.includes('exchange')) {
  const connections = 16
  const pods = 500
  const figures = await benchExchanges({ rounds, seconds, connections, pods, progress })
  printExchanges(figures, pods, connections)
}

function printExchanges(figures: readonly ExchangeFigures[], pods: number, connections: number): void {
  console.log(
    `Exchange: ${pods} distinct subject tokens, ${connections} connections, requests per CPU-second of the server process`,
  )
  for (const { name, perCpuSecond, p50Ms, p99Ms, rssMiB } of figures) {
    const latency = `p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`
    console.log(
      `  ${name.padEnd(34)} ${range(perCpuSecond, 0).padStart(24)}   ${latency.padEnd(28)} ${rssMiB.toFixed(0)} MiB`,
    )
  }
  const of = (name: string) => figures.find((one) => one.name === name)?.perCpuSecond ?? []
  const ours = (algorithm: string, audit = 'durable') => of(`broker ${algorithm}, audit ${audit}`)
  console.log('\nRatios, round by round')
  const goals = [
    {
      name: 'exchange RS256 / oidc-provider RS256 (P3)',
      floor: 1,
      aim: 1.2,
      values: ratios(ours('RS256'), of('oidc-provider RS256, no audit')),
    },
    {
      name: 'exchange ES256 / oidc-provider ES256 (P3)',
      floor: 1.5,
      aim: 2,
      values: ratios(ours('ES256'), of('oidc-provider ES256, no audit')),
    },
    {
      name: 'RS256 audit durable / audit off (P4)',
      floor: 0.85,
      aim: 0.9,
      values: ratios(ours('RS256'), ours('RS256', 'off')),
    },
    {
      name: 'ES256 audit durable / audit off (P4)',
      floor: 0.85,
      aim: 0.9,
      values: ratios(ours('ES256'), ours('ES256', 'off')),
    },
    { name: 'ES256 / RS256', floor: 1.5, aim: 2.2, values: ratios(ours('ES256'), ours('RS256')) },
    {
      name: 'broker MiB after load (P7)',
      floor: 180,
      aim: 144,
      isCeiling: true,
      values: figures.filter((one) => one.name.startsWith('broker')).map((one) => one.rssMiB),
    },
  ]
  for (const goal of goals) console.log(`  ${goalLine(goal)}`)
}
