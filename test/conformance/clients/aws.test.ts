import { expect, inject as provided, test } from 'vitest'
import { encodeAwsCredentials } from '../../../custom-task/aws-credentials.ts'
import { granted } from '../../fakes/broker.ts'
import { giving, startScene } from './scene.ts'
import { type CloudAnswer, type CloudRequest, differences, startCloud } from './servers/cloud.ts'
import { isSignedBy } from './servers/signature-v4.ts'
import { createTokens } from './tokens.ts'

const region = { AWS_REGION: 'eu-west-1', AWS_EC2_METADATA_DISABLED: 'true' }
const sts = 'sts.eu-west-1.amazonaws.com'
const role = 'arn:aws:iam::123456789012:role/deploy'
const keys = { AccessKeyId: 'ASIAEXAMPLEEXAMPLE', SecretAccessKey: 'secret/+access', Token: 'session//token==' }
const whoAmI = 'import boto3; print(boto3.client("sts", region_name="eu-west-1").get_caller_identity()["Arn"], end="")'

/** AWS STS in the XML of its query protocol; strict where the original is. */
function answerAs(isValid: (token: string) => boolean) {
  return (request: CloudRequest): CloudAnswer => {
    const form = new URLSearchParams(request.body)
    if (form.get('Action') === 'GetCallerIdentity') {
      return isSignedBy(keys, request)
        ? result('GetCallerIdentity', `<Arn>${role}/session</Arn>`)
        : denied('SignatureDoesNotMatch')
    }
    const session = form.get('RoleSessionName') ?? ''
    const token = form.get('WebIdentityToken') ?? ''
    const wanted = {
      Action: 'AssumeRoleWithWebIdentity',
      Version: '2011-06-15',
      RoleArn: role,
      RoleSessionName: /^[\w+=,.@-]{2,64}$/.test(session) ? session : '(another name)',
      WebIdentityToken: isValid(token) ? token : '(a valid token)',
    }
    if (request.headers.authorization !== undefined || differences(form, wanted) !== '')
      return denied('InvalidIdentityToken')
    const { AccessKeyId, SecretAccessKey, Token } = keys
    const credentials = `<AccessKeyId>${AccessKeyId}</AccessKeyId><SecretAccessKey>${SecretAccessKey}</SecretAccessKey><SessionToken>${Token}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>`
    return result('AssumeRoleWithWebIdentity', `<Credentials>${credentials}</Credentials>`)
  }
}

function result(action: string, content: string): CloudAnswer {
  const namespace = 'https://sts.amazonaws.com/doc/2011-06-15/'
  const body = `<${action}Response xmlns="${namespace}"><${action}Result>${content}</${action}Result></${action}Response>`
  return { status: 200, type: 'text/xml', body }
}

function denied(code: string): CloudAnswer {
  const body = `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>no</Message></Error></ErrorResponse>`
  return { status: 403, type: 'text/xml', body }
}

test('boto3 takes container credentials from the sidecar, and signs with them', async () => {
  const cloud = await startCloud(
    [sts],
    answerAs(() => false),
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
  const cloud = await startCloud([sts], answerAs(tokens.isValid))
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
