import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What tests start as processes of their own is compiled once and not a hundred times. */
const env = { NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules/.cache/compile') }

/**
 * Tests that start processes take the longest. Vitest knows that from the run before; where there was none, it goes by
 * the size of files, and the last minute belongs to one worker.
 */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const isLong = ({ moduleId, project }: TestSpecification): boolean =>
      project.name === 'fast' && /\/(?:process|process\/\w+|sidecar\/main|doctor\/doctor)\.test\.ts$/.test(moduleId)
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))]
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: ['test/cluster/**', 'test/conformance/**'],
          testTimeout: 15_000,
          // A process for each worker, not for each file: what the code needs it takes as a parameter, so that files do
          // not meet in it, and to load it two hundred times took a third of the time. `--isolate` undoes it for once.
          // Processes, not threads: some tests need a umask or signals.
          pool: 'forks',
          isolate: false,
          // One more than there are processors: many files mostly wait, for processes, disks and leases.
          maxWorkers: availableParallelism() + 1,
          env,
        },
      },
      {
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          globalSetup: ['test/cluster/global-setup.ts'],
          fileParallelism: false,
          // Of `test.concurrent`: what a run waits for is mostly the kubelet's next look, not the processor.
          maxConcurrency: 6,
          testTimeout: 180_000,
          hookTimeout: 300_000,
          env,
        },
      },
      {
        test: {
          name: 'conformance',
          include: ['test/conformance/**/*.test.ts'],
          globalSetup: ['test/conformance/clients/setup.ts'],
          testTimeout: 120_000,
          env,
        },
      },
    ],
  },
})
