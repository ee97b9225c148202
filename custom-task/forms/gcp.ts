import type { Form } from '../form.ts'
import { serverOf } from './host.ts'

const poolProvider =
  /^(?:https:)?(\/\/iam\.googleapis\.com\/projects\/\d+\/locations\/global\/workloadIdentityPools\/[a-z0-9-]+\/providers\/[a-z0-9-]+)$/
const serviceAccount = /^[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com$/

/**
 * Where the audience is a provider of a workload identity pool, a file of type `external_account`: the client exchanges
 * the token at Google, for the service account that is the one scope of that form, if there is one. Where the audience
 * is a Google API, the token is an access token already, which gcloud reads from a file; the client libraries know no
 * such file.
 *
 * @see https://google.aip.dev/auth/4117
 */
export const gcp = {
  file: {
    name: 'gcp.json',
    render: ({ audience, scopes, place }) => {
      const pool = poolOf(audience)
      if (pool === undefined) return undefined
      const account = scopes.find((scope) => serviceAccount.test(scope))
      const impersonation = account && {
        service_account_impersonation_url: `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/${account}:generateAccessToken`,
      }
      const credentials = {
        type: 'external_account',
        audience: pool,
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        token_url: 'https://sts.googleapis.com/v1/token',
        credential_source: { file: `${place.directory}/token`, format: { type: 'text' } },
        ...impersonation,
      }
      return `${JSON.stringify(credentials, undefined, 2)}\n`
    },
  },
  judge: ({ audience, scopes }) => {
    if (poolOf(audience) === undefined && !isGoogleApi(audience)) {
      return 'form gcp is for Google, and the audience is no provider of a workload identity pool: make it //iam.googleapis.com/projects/<number>/locations/global/workloadIdentityPools/<pool>/providers/<provider>'
    }
    const accounts = scopes.filter((scope) => serviceAccount.test(scope)).length
    return accounts > 1 ? 'form gcp takes one service account, and the scopes name several: narrow them' : undefined
  },
  env: ({ directory }, { audience }): Readonly<Record<string, string>> =>
    poolOf(audience) === undefined
      ? { CLOUDSDK_AUTH_ACCESS_TOKEN_FILE: `${directory}/token` }
      : {
          GOOGLE_APPLICATION_CREDENTIALS: `${directory}/gcp.json`,
          CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE: `${directory}/gcp.json`,
        },
} as const satisfies Form

function poolOf(audience: string): string | undefined {
  return poolProvider.exec(audience)?.[1]
}

function isGoogleApi(audience: string): boolean {
  const server = serverOf(audience)
  return (
    server?.protocol === 'https:' && /(?:^|\.)googleapis\.com$/.test(server.hostname) && !/^iam\./.test(server.host)
  )
}
