import type { Burst, BurstFigures } from './burst-bench.ts'
import type { ImageSize } from './images-bench.ts'
import { range, row } from './report.ts'
import type { StartFigures } from './start-bench.ts'

export function printStart({ bare, broker, brokerFirst }: StartFigures): void {
  console.log('\nStart: milliseconds from the start of the process until it serves')
  console.log(
    row('broker, with keys and journal, to /readyz', range(broker, 0), `first start ${brokerFirst.toFixed(0)}`),
  )
  console.log(row('bare node:http', range(bare, 0)))
}

export function printBurst({ instances, processes }: BurstFigures): void {
  console.log('\nBurst: sidecars that start at once against one broker, durable, on all processors')
  const cells = ({ failures, exchanges, p50Ms, slowestMs }: Burst) => [
    `${failures} failures`,
    `${exchanges} exchanges`,
    `p50 ${p50Ms.toFixed(0)}, last ${slowestMs.toFixed(0)} ms`,
  ]
  const { sidecars, callersOfEach } = instances
  console.log(row(`${sidecars} cold sidecars, ${callersOfEach} callers each`, ...cells(instances)))
  console.log(row(`${processes.sidecars} processes of the image's bundle`, ...cells(processes)))
  const { rssMiB, privateMiB, proportionalMiB } = processes
  console.log(
    row(
      'memory of one of those processes',
      `${rssMiB.toFixed(0)} MiB resident`,
      `${privateMiB.toFixed(0)} MiB its own`,
      `${proportionalMiB.toFixed(0)} MiB proportional`,
    ),
  )
  console.log(
    `  The first ${sidecars} are sidecars with a connection, a directory and a pod's token each, in four processes.`,
  )
}

export function printImages(images: readonly ImageSize[]): void {
  console.log('\nImages: MB, as a node unpacks them and as a registry sends them (gzip)')
  const mb = (bytes: number) => (bytes / 1e6).toFixed(1)
  for (const { name, layers } of images) {
    const sum = (of: 'unpacked' | 'compressed') => layers.reduce((total, layer) => total + layer[of], 0)
    const own = layers.at(-1)
    const ownText = own === undefined ? '' : `of that ours ${mb(own.unpacked)}, ${mb(own.compressed)}`
    console.log(row(name, `${mb(sum('unpacked'))} unpacked`, `${mb(sum('compressed'))} compressed`, ownText))
  }
}
