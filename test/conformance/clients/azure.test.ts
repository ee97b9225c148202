import { expect, inject as provided, test } from 'vitest'
import { giving, startScene } from './scene.ts'
import { type CloudAnswer, type CloudRequest, differences, startCloud } from './servers/cloud.ts'
import { createTokens } from './tokens.ts'

const tenant = '11111111-aaaa-4aaa-8aaa-111111111111'
const client = '22222222-bbbb-4bbb-8bbb-222222222222'
const scope = 'https://storage.azure.com/.default'

const program = `
from azure.identity import DefaultAzureCredential
print(DefaultAzureCredential().get_token("${scope}").token, end="")
`

/** The v2.0 token endpoint of Entra. */
function answerAs(isValid: (token: string) => boolean) {
  return ({ method, url, body }: CloudRequest): CloudAnswer => {
    if (method !== 'POST' || url.pathname !== `/${tenant}/oauth2/v2.0/token`) return { status: 404, body: {} }
    const form = new URLSearchParams(body)
    const assertion = form.get('client_assertion') ?? ''
    const wanted = {
      grant_type: 'client_credentials',
      client_id: client,
      scope,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: isValid(assertion) ? assertion : '(a valid token)',
    }
    const wrong = differences(form, wanted)
    return wrong === ''
      ? { status: 200, body: { token_type: 'Bearer', expires_in: 3600, access_token: 'entra-token' } }
      : { status: 401, body: { error: 'invalid_client', error_description: `AADSTS700213: ${wrong}` } }
  }
}

test.each([
  ['a scope of the policy', [`${tenant}/${client}`], {}],
  ['variables of the step', ['deploy'], { AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: client }],
])('azure-identity logs in by workload identity, named by %s', async (_, scopes, env) => {
  const tokens = createTokens()
  const cloud = await startCloud(['login.microsoftonline.com'], answerAs(tokens.isValid))
  const scene = await startScene({
    annotations: { inject: 'cloud', as: 'azure' },
    policies: { cloud: { audience: 'api://AzureADTokenExchange', scopes } },
    env,
    answer: giving(tokens.issue),
  })

  expect(await scene.run(provided('clients').python, ['-c', program], { env: cloud.env })).toMatchObject({
    code: 0,
    stdout: 'entra-token',
  })
})
