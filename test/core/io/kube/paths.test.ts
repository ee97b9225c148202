import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { resources } from '../../../../core/io/kube/api.ts'
import { collectionPath, listQuery, objectPath } from '../../../../core/io/kube/paths.ts'

describe('paths', () => {
  it.each([
    [collectionPath(resources.pods, 'ci'), '/api/v1/namespaces/ci/pods'],
    [collectionPath(resources.pods, undefined), '/api/v1/pods'],
    [collectionPath(resources.customRuns, 'ci'), '/apis/tekton.dev/v1beta1/namespaces/ci/customruns'],
    [collectionPath(resources.clusterTokenProviders, 'ci'), '/apis/tokenbroker.dev/v1alpha1/clustertokenproviders'],
    [objectPath(resources.pods, { namespace: 'ci', name: 'a' }), '/api/v1/namespaces/ci/pods/a'],
    [objectPath(resources.pods, { namespace: 'ci', name: 'a' }, 'status'), '/api/v1/namespaces/ci/pods/a/status'],
    [
      objectPath(resources.clusterTokenProviders, { name: 'system:x' }),
      '/apis/tokenbroker.dev/v1alpha1/clustertokenproviders/system%3Ax',
    ],
  ])('makes %s', (path, expected) => {
    expect(path).toBe(expected)
  })

  it.each(['', '.', '..', '../x', 'a/b', 'a%2fb', 'a?b', 'a#b', 'a b', 'a\n', 'a'.repeat(254)])(
    'refuses the name %j',
    (name) => {
      expect(() => objectPath(resources.pods, { namespace: 'ci', name })).toThrow(TypeError)
      expect(() => objectPath(resources.pods, { namespace: name, name: 'a' })).toThrow(TypeError)
    },
  )

  it('never lets a name leave its place in the path', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        try {
          const path = objectPath(resources.pods, { namespace: 'ci', name })
          return new URL(path, 'http://host').pathname === path && path.split('/').length === 7
        } catch (error) {
          return error instanceof TypeError || error instanceof URIError
        }
      }),
    )
  })

  it('needs the namespace of a namespaced object', () => {
    expect(() => objectPath(resources.pods, { name: 'a' })).toThrow('pods need a namespace')
  })

  it('leaves empty query parameters out and escapes the others', () => {
    expect(listQuery({ labelSelector: 'a=b,c', fieldSelector: '' }, { limit: '5', continue: undefined })).toBe(
      'labelSelector=a%3Db%2Cc&limit=5',
    )
  })
})
