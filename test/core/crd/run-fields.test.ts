import { describe, expect, it } from 'vitest'
import { runFields } from '../../../core/crd/run-fields.ts'

const isTaken = (uri: string) => runFields.safeParse({ source: [{ uri }] }).success

describe('source', () => {
  it('takes a URI as Tekton records it', () => {
    expect(isTaken('git+https://github.com/acme/pipelines.git')).toBe(true)
    expect(isTaken('/apis/tekton.dev/v1/namespaces/ci/pipeline/release@1')).toBe(true)
  })

  it.each(['https://git.example.com/raw?ref=main', 'git+https://git.example.com/x.git#main'])(
    'takes no %s: what is behind the mark is not compared',
    (uri) => {
      expect(isTaken(uri)).toBe(false)
    },
  )
})
