import { Agent, request } from 'undici'
import { kube } from '../harness/cluster.ts'
import type { CallOptions, KubeObject } from '../harness/kube.ts'
import { issuerUrl, tokenUrl } from './names.ts'

export interface BrokerAnswer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/** The broker's token listener, asked from this machine. */
export interface BrokerApi {
  post(path: string, form: Readonly<Record<string, string>>, bearer?: string): Promise<BrokerAnswer>
  close(): Promise<void>
}

/** @param authority PEM of who signed the broker's certificate */
export function connectBroker(authority: string): BrokerApi {
  const agent = new Agent({ connect: { ca: authority } })
  return {
    async post(path, form, bearer) {
      const answer = await request(new URL(path, tokenUrl), {
        method: 'POST',
        dispatcher: agent,
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
        },
        body: new URLSearchParams(form).toString(),
      })
      return { status: answer.statusCode, body: (await answer.body.json()) as BrokerAnswer['body'] }
    },
    close: () => agent.close(),
  }
}

const urn = 'urn:ietf:params:oauth'

/** Form of an exchange of a pod's token. */
export function exchangeForm(subjectToken: string, policy = 'deploy-staging'): Readonly<Record<string, string>> {
  return {
    grant_type: `${urn}:grant-type:token-exchange`,
    subject_token: subjectToken,
    subject_token_type: `${urn}:token-type:jwt`,
    policy,
  }
}

/** Form of what the controller asks for a CustomRun, `<namespace>/<name>/<uid>`. */
export function authorizeForm(customRun: string, actorToken: string): Readonly<Record<string, string>> {
  return {
    ...exchangeForm(customRun),
    subject_token_type: 'urn:tokenbroker:params:token-type:customrun',
    actor_token: actorToken,
    actor_token_type: `${urn}:token-type:jwt`,
  }
}

/** Admission lets tokens for the broker be made in the name of nodes alone. */
const kubelet = { username: 'kubelet', groups: ['system:masters', 'system:nodes'] }

/** A token as the kubelet would put it into this pod. */
export async function podToken(namespace: string, podName: string, audience = issuerUrl): Promise<string> {
  const client = await kube()
  const pod = await client.get(`/api/v1/namespaces/${namespace}/pods/${podName}`)
  return await mintToken(pod, audience, { as: kubelet })
}

/** What anybody asks the API server for who wants to speak for a pod. */
export async function mintToken(pod: KubeObject, audience: string, as: CallOptions): Promise<string> {
  const { namespace, name, uid } = pod.metadata
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${pod.spec.serviceAccountName}/token`
  const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name, uid }
  const spec = { audiences: [audience], expirationSeconds: 3600, boundObjectRef }
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec }
  return (await (await kube()).post(path, request, as)).status.token
}
