import type { TestContext } from 'vitest'
import { createKubeClient, type KubeClientOptions } from '../../../../core/io/kube/client.ts'
import type { KubeCredentials } from '../../../../core/io/kube/connection.ts'
import { answerJson, noDelay, startScripted } from '../scripted-server.ts'

export const signal = new AbortController().signal
export const ref = { namespace: 'ci', name: 'a' }
export const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'a', namespace: 'ci', uid: 'u', resourceVersion: '5' },
}

export type Script = Parameters<typeof startScripted>[1]

export interface Setting extends Partial<Omit<KubeClientOptions, 'credentials'>> {
  readonly credentials?: Partial<KubeCredentials>
  readonly tls?: { readonly cert: string; readonly key: string }
}

/** A client and the server it speaks to; waits end at once and are kept in `asked`, jitter is at its longest. */
export async function setUp({ onTestFinished }: TestContext, script: Script, setting: Setting = {}) {
  const { credentials, tls, ...more } = setting
  const server = await startScripted(onTestFinished, script, tls)
  const { delay, asked } = noDelay()
  const all = { server: server.url, ...credentials }
  const client = createKubeClient({ credentials: all, delay, random: () => 1, ...more })
  onTestFinished(() => client.close())
  return { client, server, seen: server.seen, asked }
}

export const answerPod: Script = (_, response) => answerJson(response, 200, pod)

export function refuse(status: number, headers: Record<string, string> = {}): Script {
  return (_, response) => answerJson(response, status, { kind: 'Status', message: 'credential inside' }, headers)
}
