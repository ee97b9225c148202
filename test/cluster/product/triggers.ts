import { createHmac } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildBinaries, moduleSources } from '../build.ts'
import { apply } from '../harness/cluster.ts'
import { readObjects } from '../harness/kube.ts'
import { loginAs } from '../harness/login.ts'
import { type HostProcess, startProcess } from '../harness/process.ts'

/** The kinds of Tekton Triggers. Its webhook, which fills in defaults, is not needed: examples say what they mean. */
export async function applyTriggersDefinitions(): Promise<void> {
  const config = join(await moduleSources('triggers', 'github.com/tektoncd/triggers'), 'config')
  const files = (await readdir(config)).filter((file) => /^300-.*\.yaml$/.test(file))
  const texts = await Promise.all(files.map((file) => readFile(join(config, file), 'utf8')))
  await apply(texts.flatMap((text) => readObjects(text)))
}

/** The sink of an EventListener, as the process that Triggers runs in its pod. */
export interface Sink {
  readonly process: HostProcess
  /** Sends an event as a webhook does. @returns its id; whether it starts anything is decided after this answer */
  send(body: string, headers: Readonly<Record<string, string>>): Promise<string>
}

const port = 18_090

/** Starts it with the login of the EventListener's ServiceAccount, and with no other rights. */
export async function startSink(
  listener: { readonly namespace: string; readonly name: string },
  serviceAccount: string,
): Promise<Sink> {
  const { triggers } = await buildBinaries(['triggers'])
  const { namespace, name } = listener
  const { kubeconfig } = await loginAs(namespace, serviceAccount)
  const args = ['-el-name', name, '-el-namespace', namespace, '-port', String(port)]
  const env = {
    KUBECONFIG: kubeconfig,
    NAMESPACE: namespace,
    NAME: name,
    SYSTEM_NAMESPACE: 'tekton-pipelines',
    K_LOGGING_CONFIG: '{}',
    K_OBSERVABILITY_CONFIG: '{}',
    METRICS_PROMETHEUS_PORT: '29092',
    PROFILING_PORT: '28010',
  }
  const process = startProcess('el-sink', join(triggers.directory, 'eventlistenersink'), args, { env })
  const url = `http://127.0.0.1:${port}`
  await process.waitUntil('the sink lives', async () =>
    fetch(`${url}/live`).then(
      (response) => response.ok,
      () => false,
    ),
  )
  return {
    process,
    async send(body, headers) {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body,
      })
      if (response.status !== 202) throw new Error(`the sink answers ${response.status}: ${await response.text()}`)
      return ((await response.json()) as { readonly eventID: string }).eventID
    },
  }
}

/** What GitHub sends of a push. */
export function push(more: object = {}): string {
  return JSON.stringify({
    ref: 'refs/heads/main',
    before: '6113728f27ae82c7b1a177c8d03f9e96e0adf246',
    after: '9d1f0a6d4b8e1ad6a1a9a4a7a6a0a7c6b1d2e3f4',
    deleted: false,
    forced: false,
    pusher: { name: 'octocat' },
    head_commit: { message: 'deploy <b>now</b> & "then"\u2028é' },
    repository: { full_name: 'acme/shop', default_branch: 'main' },
    sender: { login: 'octocat', type: 'User' },
    ...more,
  })
}

/** Headers of a push that is signed with the secret. */
export function signed(body: string, secret: string): Readonly<Record<string, string>> {
  const signature = createHmac('sha256', secret).update(body).digest('hex')
  return { 'x-github-event': 'push', 'x-hub-signature-256': `sha256=${signature}` }
}
