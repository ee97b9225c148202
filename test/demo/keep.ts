import type { Addresses } from './stage.ts'

/** What there is to try while the demo is kept running, as lines for a shell. */
export function thingsToTry(addresses: Addresses, directory: string, journal: string): readonly string[] {
  const ask = `curl -s -u "deploy-staging:$(cat ${directory}/key)" -d grant_type=client_credentials`
  return [
    `${ask} ${addresses.sidecar}/token`,
    `${ask} -d scope=deploy:production ${addresses.sidecar}/token   # refused, with the mend`,
    `curl -s -i -H @${directory}/deploy-staging/header -X POST ${addresses.api}/rollouts`,
    `curl -s ${addresses.issuer}/.well-known/openid-configuration`,
    `curl -s ${addresses.metrics}/metrics | grep tokenbroker_`,
    `npx --no tokenbroker exchanges --journal ${journal} -o wide`,
    `npx --no tokenbroker audit verify ${journal}`,
  ]
}
