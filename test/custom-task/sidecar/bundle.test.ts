import { join } from 'node:path'
import { build } from 'esbuild'
import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../../..')

describe('the bundle of the sidecar', () => {
  it('holds none of the big libraries, since every pod pays for them', async () => {
    const { metafile } = await build({
      absWorkingDir: root,
      entryPoints: ['custom-task/sidecar/main.ts'],
      bundle: true,
      platform: 'node',
      format: 'esm',
      write: false,
      metafile: true,
      outfile: 'sidecar.mjs',
    })
    const libraries = Object.keys(metafile.inputs).flatMap(
      (path) => /node_modules\/(@[^/]+\/[^/]+|[^/]+)/.exec(path)?.[1] ?? [],
    )

    expect(
      [...new Set(libraries)].filter(
        (name) =>
          !/^(?:pino|sonic-boom|zod|yaml|.*std-serializers|on-exit-leak-free|quick-format-unescaped|atomic-sleep|safe-stable-stringify|thread-stream|real-require|process-warning|@pinojs\/redact)$/.test(
            name,
          ),
      ),
    ).toEqual([])
  })
})
