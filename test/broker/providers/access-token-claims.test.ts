import { describe, expect, it } from 'vitest'
import { accessTokenClaimNames } from '../../../broker/issuer/metadata.ts'
import { accessTokenClaims } from '../../../broker/providers/access-token-claims.ts'
import { noRun } from '../../../core/identity/run.ts'
import { grantWith, pipelineRun } from './grant-fixture.ts'

const user = 'system:serviceaccount:payments:deployer'

describe('accessTokenClaims', () => {
  it('says for whom, for what and for which run', () => {
    expect(accessTokenClaims(grantWith())).toEqual({
      aud: 'https://deploy.example.com',
      sub: user,
      client_id: user,
      azp: user,
      scope: 'deploy:staging image:push',
      jti: '019a0000-0000-7000-8000-000000000001',
      namespace: 'payments',
      pipeline: 'release',
      pipeline_run: 'release-7x',
      pipeline_run_uid: 'b2f0c5f4-0000-4000-8000-000000000001',
      task: 'deploy',
      task_run: 'release-7x-deploy',
      initiator: 'jane@example.com',
      assurance: 'claimed',
    })
  })

  it('says that the token is for an agent', () => {
    const claims = accessTokenClaims(grantWith({ allowance: { agent: { namedBy: 'policy' } } }))

    expect(claims['agent']).toBe(true)
  })

  it('leaves out what there is nothing to say about', () => {
    expect(accessTokenClaims(grantWith({ allowance: { run: noRun } }))).toEqual({
      aud: 'https://deploy.example.com',
      sub: user,
      client_id: user,
      azp: user,
      scope: 'deploy:staging image:push',
      jti: '019a0000-0000-7000-8000-000000000001',
      namespace: 'payments',
      assurance: 'none',
    })
  })

  it('leaves out what is empty', () => {
    const run = { ...pipelineRun, pipeline: '', initiator: undefined }

    const claims = accessTokenClaims(grantWith({ allowance: { run } }))

    expect(Object.keys(claims).filter((name) => name === 'pipeline' || name === 'initiator')).toEqual([])
  })

  it('names the controller in act where it asked for another ServiceAccount', () => {
    const { workload } = grantWith()
    const controller = { name: 'tokenbroker-controller', uid: 'controller-uid' }

    const claims = accessTokenClaims(
      grantWith({ workload: { ...workload, namespace: 'tokenbroker-system', serviceAccount: controller } }),
    )

    expect(claims).toMatchObject({
      sub: user,
      act: { sub: 'system:serviceaccount:tokenbroker-system:tokenbroker-controller' },
    })
  })

  it.each([[[]], [['deployer', 'other']]])('refuses to speak for the ServiceAccounts %j', (serviceAccounts) => {
    const subject = { cluster: 'local', namespace: 'payments', namespaceLabels: {}, serviceAccounts }

    expect(() => accessTokenClaims(grantWith({ allowance: { subject } }))).toThrow(TypeError)
  })

  it('has no claim that the metadata does not announce, and none of the issuer’s own', () => {
    const { workload } = grantWith()
    const claims = accessTokenClaims(grantWith({ workload: { ...workload, namespace: 'other' } }))

    const announced = new Set<string>(accessTokenClaimNames)
    expect(Object.keys(claims).filter((name) => !announced.has(name))).toEqual([])
    expect(Object.keys(claims).filter((name) => ['iss', 'iat', 'nbf', 'exp'].includes(name))).toEqual([])
  })
})
