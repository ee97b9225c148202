import { rfc3339 } from '../../../core/clock.ts'
import type { Granted } from '../../broker-client-answer.ts'
import type { RunReference } from '../broker.ts'
import type { OurRun } from '../our-run.ts'

/** Type of our Secrets: the API server lets nobody change it, and admission lets nobody else use it. */
export const secretType = 'tokenbroker.dev/token'

const apiVersionOfRun = 'tekton.dev/v1'

/** The Secret of one token; the place where the token leaves its Secret for the API server. */
export function secretObject(name: string, token: Granted, { customRun }: OurRun, run: RunReference): object {
  const { namespace, uid } = customRun.metadata
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: secretType,
    metadata: {
      name,
      namespace,
      labels: {
        'app.kubernetes.io/managed-by': 'tokenbroker',
        'tokenbroker.dev/deliver': 'secret',
        'tokenbroker.dev/run-uid': run.uid,
        'tokenbroker.dev/custom-run-uid': uid,
      },
      annotations: annotations(token),
      // The run's: whatever becomes of us, Kubernetes deletes the Secret together with it.
      ownerReferences: [{ apiVersion: apiVersionOfRun, kind: run.kind, name: run.name, uid: run.uid }],
    },
    data: data(token),
  }
}

/** Merge patch that puts another token into a Secret of ours; another object of that name has another uid. */
export function renewalPatch(uid: string, token: Granted): object {
  return { metadata: { uid, annotations: annotations(token) }, data: data(token) }
}

function annotations({ exchangeId, expiresAt }: Granted): Readonly<Record<string, string>> {
  return { 'tokenbroker.dev/exchange-id': exchangeId ?? '', 'tokenbroker.dev/expires-at': rfc3339(expiresAt) }
}

function data({ accessToken, expiresAt }: Granted): Readonly<Record<string, string>> {
  const text = accessToken.reveal()
  return {
    token: base64(text),
    header: base64(`Authorization: Bearer ${text}`),
    'expires-at': base64(rfc3339(expiresAt)),
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
