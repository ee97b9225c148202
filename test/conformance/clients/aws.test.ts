import { expect, inject as provided, test } from 'vitest'
import { encodeAwsCredentials } from '../../../custom-task/aws-credentials.ts'
import { granted } from '../../fakes/broker.ts'
import { giving, startScene } from './scene.ts'
import { startCloud } from './servers/cloud.ts'
import { answerAsSts, keys } from './servers/sts.ts'
import { createTokens } from './tokens.ts'

const region = { AWS_REGION: 'eu-west-1', AWS_EC2_METADATA_DISABLED: 'true' }
const sts = 'sts.eu-west-1.amazonaws.com'
const role = 'arn:aws:iam::123456789012:role/deploy'
const whoAmI = 'import boto3; print(boto3.client("sts", region_name="eu-west-1").get_caller_identity()["Arn"], end="")'

test('boto3 takes container credentials from the sidecar, and signs with them', async () => {
  const cloud = await startCloud(
    [sts],
    answerAsSts(role, () => false),
  )
  const members = { token_type: 'N_A', issued_token_type: 'urn:tokenbroker:params:token-type:aws-credentials' }
  const scene = await startScene({
    annotations: { inject: 'cloud', as: 'aws' },
    policies: { cloud: { audience: 'aws', scopes: ['deploy'], provider: 'aws' } },
    env: region,
    answer: () => granted(encodeAwsCredentials(keys), 3600, members),
  })

  expect(await scene.run(provided('clients').python, ['-c', whoAmI], { env: cloud.env })).toMatchObject({
    code: 0,
    stdout: `${role}/session`,
  })
  const wrong = await scene.run(provided('clients').python, ['-c', whoAmI], {
    env: { ...cloud.env, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: '/dev/null' },
  })
  expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('invalid_client')])
})

test.each([
  ['a scope of the policy', [role], {}],
  ['a variable of the step', ['deploy'], { AWS_ROLE_ARN: role }],
])('boto3 assumes the role by web identity, named by %s', async (_, scopes, own) => {
  const tokens = createTokens()
  const cloud = await startCloud([sts], answerAsSts(role, tokens.isValid))
  const scene = await startScene({
    annotations: { inject: 'cloud', as: 'aws' },
    policies: { cloud: { audience: 'sts.amazonaws.com', scopes } },
    env: { ...region, ...own },
    answer: giving(tokens.issue),
  })

  expect(await scene.run(provided('clients').python, ['-c', whoAmI], { env: cloud.env })).toMatchObject({
    code: 0,
    stdout: `${role}/session`,
  })
})
