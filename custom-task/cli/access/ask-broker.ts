import { readFile } from 'node:fs/promises'
import { decodeJwt } from 'jose'
import { createHttpClient } from '../../../core/io/http-client.ts'
import { createBrokerClient } from '../../broker-client.ts'
import type { Explained } from '../../broker-client-explain.ts'
import type { TokenAsk } from '../../broker-client-form.ts'
import { createTokenFile } from '../../broker-client-token-file.ts'
import { type CommandContext, CommandFailure, exitCodes } from '../command.ts'
import { cannotBeRead } from '../file-failure.ts'
import { printable } from '../printable.ts'

export interface BrokerPlace {
  readonly url: string
  readonly tokenFile: string
  readonly caFile: string | undefined
}

/** Asks `/explain` as the workload whose projected token the file holds. @throws CommandFailure with the mend */
export async function askBroker(
  { url, tokenFile, caFile }: BrokerPlace,
  ask: TokenAsk,
  { clock, signal }: CommandContext,
): Promise<Explained> {
  const ca =
    caFile === undefined
      ? undefined
      : await readFile(caFile, { encoding: 'utf8', signal }).catch((cause) => {
          throw cannotBeRead(caFile, 'name the authorities of the broker with --ca-file', cause)
        })
  const http = createHttpClient({ timeoutMs: 10_000, ...(ca !== undefined && { ca: { pem: ca } }) })
  try {
    const broker = createBrokerClient({ url, ownToken: createTokenFile(tokenFile), http, clock })
    const answer = await broker.explain(ask, signal)
    if (answer.kind === 'explained') return answer
    const exitCode = answer.kind === 'unavailable' ? exitCodes.unreachable : exitCodes.denied
    const presented = answer.kind === 'refused' ? await presentedAudience(tokenFile, signal) : ''
    throw new CommandFailure(exitCode, `${printable(answer.description)}.${presented}`)
  } finally {
    await http.close()
  }
}

/** What the token that was shown says of itself: half of the refusals are about that. */
async function presentedAudience(file: string, signal: AbortSignal): Promise<string> {
  try {
    const { aud } = decodeJwt((await readFile(file, { encoding: 'utf8', signal })).trim())
    return ` The token that was shown is for ${printable([aud ?? '(nobody)'].flat().join(', '))}.`
  } catch {
    // The cause would quote the token.
    return ''
  }
}
