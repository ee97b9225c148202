import { onTestFailed, type TestContext } from 'vitest'
import { kube } from './cluster.ts'
import type { KubeError, KubeObject } from './kube.ts'
import { GiveUp, waitFor } from './wait.ts'

export interface Condition {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly message?: string
}

/** What a container wrote so far; `container` may be left out where the pod has one. */
export async function podLogs(namespace: string, pod: string, container?: string): Promise<string> {
  const query = container ? { container } : {}
  return (await kube()).text(`/api/v1/namespaces/${namespace}/pods/${pod}/log`, { query })
}

/** The `Succeeded` condition of a run of Tekton. */
export function outcomeOf(run: KubeObject): Condition | undefined {
  const conditions: readonly Condition[] = run.status?.conditions ?? []
  return conditions.find((condition) => condition.type === 'Succeeded')
}

/** Waits for the end, good or bad, of a PipelineRun, TaskRun or CustomRun that was created. */
export async function waitForRun(run: KubeObject, timeoutMs = 120_000): Promise<KubeObject> {
  const client = await kube()
  const path = await client.pathOf(run)
  return waitFor(
    `${run.kind} ${run.metadata.name} ends`,
    async (report) => {
      const now = await client.get(path)
      const outcome = outcomeOf(now)
      report(outcome ?? 'no condition yet')
      return outcome && outcome.status !== 'Unknown' ? now : undefined
    },
    { timeoutMs },
  )
}

/** As `waitForRun`, but a run that fails makes the test fail, with the namespace described. */
export async function waitForSuccess(run: KubeObject, timeoutMs?: number): Promise<KubeObject> {
  const ended = await waitForRun(run, timeoutMs)
  const outcome = outcomeOf(ended)
  if (outcome?.status === 'True') return ended
  const namespace = run.metadata.namespace ?? 'default'
  throw new Error(`${run.kind} ${run.metadata.name}: ${JSON.stringify(outcome)}\n${await describeNamespace(namespace)}`)
}

/** Waits for a pod to reach a phase; gives up when it ended in another one. */
export async function waitForPod(
  namespace: string,
  pod: string,
  phase: string,
  timeoutMs = 60_000,
): Promise<KubeObject> {
  const client = await kube()
  return waitFor(
    `pod ${pod} is ${phase}`,
    async (report) => {
      const now = await client.get(`/api/v1/namespaces/${namespace}/pods/${pod}`)
      const current: string = now.status.phase
      report(now.status)
      if (current === phase) return now
      if (current !== 'Failed' && current !== 'Succeeded') return undefined
      throw new GiveUp(`it is ${current}\n${await describeNamespace(namespace)}`)
    },
    { timeoutMs },
  )
}

/** Events, pods and the ends of their logs, as text for a failure message. */
export async function describeNamespace(namespace: string): Promise<string> {
  const client = await kube()
  const lines = [`--- namespace ${namespace}`]
  for (const event of await client.list(`/api/v1/namespaces/${namespace}/events`)) {
    const { involvedObject: about, reason, message } = event
    lines.push(`event ${about.kind}/${about.name}: ${reason}: ${message}`)
  }
  for (const pod of await client.list(`/api/v1/namespaces/${namespace}/pods`)) {
    const name = pod.metadata.name ?? ''
    lines.push(`pod ${name}: ${pod.status.phase}`)
    const { initContainers = [], containers } = pod.spec
    for (const container of [...initContainers, ...containers] as readonly { name: string }[]) {
      const log = await podLogs(namespace, name, container.name).catch((error: KubeError) => error.message)
      lines.push(
        ...log
          .trimEnd()
          .split('\n')
          .slice(-20)
          .map((line) => `  ${container.name} | ${line}`),
      )
    }
  }
  return `${lines.join('\n')}\n`
}

/**
 * Inside a test: should it fail, prints what happened in the namespace.
 *
 * @param test its context; a test that runs concurrently with others has to say which one it is
 */
export function explainOnFailure(namespace: string, test: Pick<TestContext, 'onTestFailed'> = { onTestFailed }): void {
  test.onTestFailed(async () => {
    process.stderr.write(await describeNamespace(namespace))
  })
}
