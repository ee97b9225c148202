import { terminationLog, tokenRoot } from './names.ts'
import type { InjectionSettings } from './settings.ts'
import type { StepPlan } from './steps.ts'
import type { TokenAsk } from './token-ask.ts'

/** Linux takes no argument of 128 KiB or more. */
export const maxConfigBytes = 120 * 1024

/** Directory of a step in the volume, as the sidecar sees it. */
function directoryOf(container: string): string {
  return `${tokenRoot}/${container}`
}

/**
 * The sidecar's configuration, as text for `--config-json`. An audience may hold `$(NAME)`, which the kubelet would
 * expand in an argument, so that the sidecar asked for another than was judged here; JSON can spell the sign otherwise.
 *
 * @see docs/guides/sidecar.md
 */
export function sidecarConfig(
  steps: readonly StepPlan[],
  { brokerUrl, ca }: Pick<InjectionSettings, 'brokerUrl' | 'ca'>,
  isOptional: boolean,
): string {
  const config = {
    broker: { url: brokerUrl, ca },
    volume: tokenRoot,
    messageFile: terminationLog,
    steps: steps.map(({ container, tokens }) => ({
      directory: directoryOf(container),
      policies: tokens.map((token) => policyEntry(token, isOptional)),
    })),
  }
  return JSON.stringify(config).replaceAll('$', String.raw`\u0024`)
}

/** `undefined` leaves a key out. */
function policyEntry(token: TokenAsk, isOptional: boolean): object {
  return {
    policy: token.policy,
    alias: token.name === token.policy ? undefined : token.name,
    audience: token.audience,
    scope: token.scopes,
    optional: isOptional ? true : undefined,
    as: token.as.length === 0 ? undefined : token.as,
  }
}
