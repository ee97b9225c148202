import type { Form } from '../form.ts'

const uuid = '[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}'
const identity = new RegExp(`^(${uuid})/(${uuid})$`)

/**
 * Workload identity of Microsoft Entra: the token itself is the assertion. Tenant and client are what the step says, else
 * the one scope of the form `<tenant id>/<client id>`.
 */
export const azure = {
  judge: ({ scopes }) =>
    scopes.filter((scope) => identity.test(scope)).length > 1
      ? 'form azure takes one identity, and the scopes name several: narrow them'
      : undefined,
  env: ({ directory }, { scopes, ownVariables }) => {
    const [, tenant, client] = scopes.map((scope) => identity.exec(scope)).find((match) => match !== null) ?? []
    const ids = { AZURE_TENANT_ID: tenant, AZURE_CLIENT_ID: client }
    const missing = Object.entries(ids).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !ownVariables.has(entry[0]),
    )
    return { AZURE_FEDERATED_TOKEN_FILE: `${directory}/token`, ...Object.fromEntries(missing) }
  },
} as const satisfies Form
