// helm test: the broker answers on its listeners, by certificates that its published authorities signed, and gives
// nothing to somebody it does not know.
const { ISSUER, DISCOVERY_URL, TOKEN_URL } = process.env

const checks = {
  'the discovery document names the issuer': async () => {
    const document = await json(`${DISCOVERY_URL}/.well-known/openid-configuration`)
    return document.issuer === ISSUER || `it names ${document.issuer} and not ${ISSUER}`
  },
  'there are signing keys': async () => {
    const { keys } = await json(`${DISCOVERY_URL}/jwks`)
    return keys.length > 0 && keys.every(({ kid, d }) => kid && !d) ? true : 'there is none that can be used'
  },
  'an exchange without an identity is refused': async () => {
    const body = new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: 'nobody',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      scope: 'nothing',
    })
    const response = await fetch(`${TOKEN_URL}/token`, { method: 'POST', body, signal: AbortSignal.timeout(10_000) })
    const answer = await response.json()
    const isRefused = response.status === 400 && answer.error === 'invalid_request' && !('access_token' in answer)
    return isRefused || `it was answered ${response.status} ${answer.error}`
  },
}

async function json(url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) })
  if (!response.ok) throw new Error(`${url} answers ${response.status}`)
  return await response.json()
}

for (const [what, check] of Object.entries(checks)) {
  const result = await check().catch((error) => `${error.message}${error.cause ? `: ${error.cause.message}` : ''}`)
  console.log(result === true ? `ok      ${what}` : `failed  ${what}: ${result}`)
  if (result !== true) process.exitCode = 1
}
