import { describe, expect, it } from 'vitest'
import { readSubjectClaims } from '../../../broker/identity/token-claims.ts'
import { problemOf } from '../../core/reason-of.ts'

const at = 1_772_366_400
const limits = {
  audience: 'https://broker.example.com',
  maxLifetimeSeconds: 3600,
  clockToleranceSeconds: 30,
  now: new Date(at * 1000 + 500),
}

const kubernetes = {
  namespace: 'payments',
  serviceaccount: { name: 'deployer', uid: 'sa-uid' },
  pod: { name: 'rollout', uid: 'pod-uid' },
  node: { name: 'node1', uid: 'node-uid' },
}

const claims = {
  iss: 'https://kubernetes.default.svc',
  sub: 'system:serviceaccount:payments:deployer',
  aud: ['https://broker.example.com'],
  exp: at + 3500,
  iat: at - 100,
  nbf: at - 100,
  jti: 'credential-1',
  'kubernetes.io': kubernetes,
}

type Changes = Readonly<Record<string, unknown>>

function read(changes: Changes = {}, kubernetesChanges: Changes = {}) {
  return readSubjectClaims({ ...claims, 'kubernetes.io': { ...kubernetes, ...kubernetesChanges }, ...changes }, limits)
}

describe('readSubjectClaims', () => {
  it('reads what Kubernetes says of the workload', () => {
    expect(read()).toEqual({
      namespace: 'payments',
      serviceAccount: { name: 'deployer', uid: 'sa-uid' },
      pod: { name: 'rollout', uid: 'pod-uid' },
      node: { name: 'node1', uid: 'node-uid' },
      jti: 'credential-1',
      issuedAt: at - 100,
      expiresAt: at + 3500,
    })
  })

  it.each<[string, Changes, Changes]>([
    ['an audience that is one text', { aud: 'https://broker.example.com' }, {}],
    ['the longest life', { iat: at, nbf: at, exp: at + 3600 }, {}],
    ['the last second of its life', { exp: at + 1 }, {}],
    ['a clock that is behind by the tolerance', { iat: at + 30, nbf: at + 30 }, {}],
    ['a warning that is still to come', {}, { warnafter: at + 1 }],
    ['a pod without node', {}, { node: undefined }],
    ['a node without uid', {}, { node: { name: 'node1' } }],
    ['a node with an empty uid', {}, { node: { name: 'node1', uid: '' } }],
    ['claims that are new to us', { other: 1 }, { other: {} }],
  ])('takes %s', (_what, changes, kubernetesChanges) => {
    expect(read(changes, kubernetesChanges).jti).toBe('credential-1')
  })

  it.each<[string, Changes, Changes, string]>([
    ['two audiences', { aud: ['https://broker.example.com', 'https://kubernetes.default.svc'] }, {}, 'audience'],
    ['our audience twice', { aud: ['https://broker.example.com', 'https://broker.example.com'] }, {}, 'audience'],
    ['another audience', { aud: ['https://kubernetes.default.svc'] }, {}, 'audience'],
    ['another audience as text', { aud: 'https://broker.example.com/' }, {}, 'audience'],
    ['a list of audiences within the list', { aud: [['https://broker.example.com']] }, {}, 'claims'],
    ['no audience', { aud: [] }, {}, 'claims'],
    ['a missing audience', { aud: undefined }, {}, 'claims'],
    ['its end at this second', { exp: at }, {}, 'expired'],
    ['its end in the past', { exp: at - 1, iat: at - 200 }, {}, 'expired'],
    ['an iat beyond the tolerance', { iat: at + 31 }, {}, 'not_yet_valid'],
    ['an nbf beyond the tolerance', { nbf: at + 31 }, {}, 'not_yet_valid'],
    ['a life over the cap', { iat: at - 101, exp: at + 3500 }, {}, 'lifetime'],
    ['its end at its beginning', { iat: at + 10, exp: at + 10 }, {}, 'lifetime'],
    ['an end before its beginning', { iat: at + 20, exp: at + 10 }, {}, 'lifetime'],
    ['a warning that has passed', {}, { warnafter: at }, 'lifetime'],
    ['an infinite life', { exp: Number.POSITIVE_INFINITY }, {}, 'claims'],
    ['an end that is no number', { exp: Number.NaN }, {}, 'claims'],
    ['an end that is text', { exp: String(at + 100) }, {}, 'claims'],
    ['an end with a fraction', { exp: at + 0.5 }, {}, 'claims'],
    ['an end in the year 2200', { exp: 7_258_118_400 }, {}, 'claims'],
    ['a negative beginning', { iat: -1 }, {}, 'claims'],
    ['no exp', { exp: undefined }, {}, 'claims'],
    ['no iat', { iat: undefined }, {}, 'claims'],
    ['no nbf', { nbf: undefined }, {}, 'claims'],
    ['no jti', { jti: undefined }, {}, 'claims'],
    ['an empty jti', { jti: '' }, {}, 'claims'],
    ['a jti that is a number', { jti: 7 }, {}, 'claims'],
    ['an over-long jti', { jti: 'j'.repeat(129) }, {}, 'claims'],
    ['an empty sub', { sub: '' }, {}, 'claims'],
    ['a sub that is an object', { sub: {} }, {}, 'claims'],
    ['the sub of another ServiceAccount', { sub: 'system:serviceaccount:payments:admin' }, {}, 'claims'],
    ['the sub of another namespace', { sub: 'system:serviceaccount:other:deployer' }, {}, 'claims'],
    ['a namespace that contradicts the sub', {}, { namespace: 'other' }, 'claims'],
    ['no Kubernetes claims', { 'kubernetes.io': undefined }, {}, 'claims'],
    ['no ServiceAccount', {}, { serviceaccount: undefined }, 'claims'],
    ['a ServiceAccount without uid', {}, { serviceaccount: { name: 'deployer' } }, 'claims'],
    ['a pod without uid', {}, { pod: { name: 'rollout' } }, 'claims'],
    ['a pod with an empty uid', {}, { pod: { name: 'rollout', uid: '' } }, 'claims'],
    ['no pod', {}, { pod: undefined }, 'unbound'],
    ['a Secret beside the pod', {}, { secret: { name: 'token', uid: 'secret-uid' } }, 'unbound'],
    ['a Secret in place of the pod', {}, { pod: undefined, secret: { name: 'token', uid: 'secret-uid' } }, 'unbound'],
  ])('refuses %s', (_what, changes, kubernetesChanges, reason) => {
    expect(problemOf(() => read(changes, kubernetesChanges)).reason).toBe(`subject_token_${reason}`)
  })

  it.each([undefined, null, 'text', 7, []])('refuses a payload that is %j', (payload) => {
    expect(problemOf(() => readSubjectClaims(payload, limits)).reason).toBe('subject_token_claims')
  })

  it('says which claims are malformed and not what is in them', () => {
    const problem = problemOf(() => read({ jti: { leaked: 'value-of-the-claim' }, exp: 'value-of-the-claim' }))

    expect(problem.detail).toBe('missing or malformed: exp jti')
  })
})
