import { startBroker, startWorld } from './broker-world.ts'
import { bundleInCluster } from './bundle.ts'
import { startServerProcess } from './server-process.ts'

/** Milliseconds from the start of a process until it serves; one figure for each round. */
export interface StartFigures {
  /** Node that answers a constant. */
  readonly bare: readonly number[]
  /** With no keys and no journal yet: it makes both. */
  readonly brokerFirst: number
  /** With keys and a journal of the time before: until `/readyz` says 200, with policies and providers listed. */
  readonly broker: readonly number[]
}

const bareServer =
  "require('node:http').createServer((q, r) => r.end('ok')).listen(0, '127.0.0.1', () => console.log('listening'))"

export async function benchStart({ rounds }: { readonly rounds: number }): Promise<StartFigures> {
  await using world = await startWorld(5)
  using built = bundleInCluster('broker', world.mount)
  const main = built.path('broker')
  const timed = async (start: () => Promise<AsyncDisposable>): Promise<number> => {
    const before = performance.now()
    await using _ = await start()
    return performance.now() - before
  }
  const broker = () => startBroker(world, main, { durability: 'fdatasync' })
  const bare = () => startServerProcess(['--eval', bareServer], { ready: /listening/, cpu: 0 })

  const brokerFirst = await timed(broker)
  const figures = { bare: [] as number[], broker: [] as number[] }
  for (let round = 0; round < rounds; round += 1) {
    figures.bare.push(await timed(bare))
    figures.broker.push(await timed(broker))
  }
  return { brokerFirst, ...figures }
}
