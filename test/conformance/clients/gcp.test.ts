import { expect, inject as provided, test } from 'vitest'
import { granted } from '../../fakes/broker.ts'
import { startScene } from './scene.ts'
import { type CloudAnswer, type CloudRequest, differences, startCloud } from './servers/cloud.ts'
import { createTokens } from './tokens.ts'

const pool = '//iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/p/providers/q'
const account = 'ci@acme.iam.gserviceaccount.com'
const hosts = ['sts', 'iamcredentials', 'cloudresourcemanager', 'storage'].map((name) => `${name}.googleapis.com`)
const wish = 'https://www.googleapis.com/auth/devstorage.read_only'

const program = `
import google.auth
from google.auth.transport.requests import AuthorizedSession
credentials, _ = google.auth.default(scopes=["${wish}"])
answer = AuthorizedSession(credentials).get("https://storage.googleapis.com/storage/v1/b/acme")
answer.raise_for_status()
print(answer.json()["name"], end="")
`

/** Google's STS, IAM credentials and two APIs: each takes what the one before gave. */
function answerAs(isValid: (token: string) => boolean, bearer: string) {
  const answers: Readonly<Record<string, (request: CloudRequest) => CloudAnswer>> = {
    'sts.googleapis.com': ({ body }) => exchange(new URLSearchParams(body), isValid, bearer),
    'iamcredentials.googleapis.com': ({ url, headers }) =>
      url.pathname.endsWith(`/${account}:generateAccessToken`) && headers.authorization === 'Bearer federated'
        ? { status: 200, body: { accessToken: 'account', expireTime: '2099-01-01T00:00:00Z' } }
        : { status: 403, body: {} },
    // asked for the name of the project by `google.auth.default`
    'cloudresourcemanager.googleapis.com': () => ({ status: 200, body: { projectId: 'acme' } }),
    'storage.googleapis.com': ({ headers }) =>
      headers.authorization === `Bearer ${bearer}`
        ? { status: 200, body: { name: 'acme' } }
        : { status: 401, body: {} },
  }
  return (request: CloudRequest): CloudAnswer => answers[request.host]?.(request) ?? { status: 404, body: {} }
}

function exchange(form: URLSearchParams, isValid: (token: string) => boolean, bearer: string): CloudAnswer {
  const token = form.get('subject_token') ?? ''
  const type = 'urn:ietf:params:oauth:token-type:access_token'
  const wrong = differences(form, {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    audience: pool,
    scope: bearer === 'federated' ? wish : 'https://www.googleapis.com/auth/iam',
    requested_token_type: type,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    subject_token: isValid(token) ? token : '(a valid token)',
  })
  if (wrong !== '') return { status: 400, body: { error: 'invalid_grant', error_description: wrong } }
  const body = { access_token: 'federated', issued_token_type: type, token_type: 'Bearer', expires_in: 3600 }
  return { status: 200, body }
}

test.each([
  ['as the federated identity', ['read'], 'federated'],
  ['as the service account among the scopes', ['read', account], 'account'],
])('google-auth exchanges the token file at Google, and calls an API %s', async (_, scopes, bearer) => {
  const tokens = createTokens()
  const cloud = await startCloud(hosts, answerAs(tokens.isValid, bearer))
  const scene = await startScene({
    annotations: { inject: 'cloud', as: 'gcp' },
    policies: { cloud: { audience: pool, scopes } },
    // the policy's scopes, as nothing narrows them
    answer: () => granted(tokens.issue(300), 300, { scope: scopes.join(' ') }),
  })

  expect(await scene.run(provided('clients').python, ['-c', program], { env: cloud.env })).toMatchObject({
    code: 0,
    stdout: 'acme',
    stderr: '',
  })
})
