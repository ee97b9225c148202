import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { request } from 'undici'
import type { KubeObject } from '../../core/io/kube/api.ts'
import { resources } from '../../core/io/kube/api.ts'
import type { PlayedRun } from '../fakes/tekton/played-run.ts'
import { hold, type Narrator } from './narrator.ts'
import { type DemoProcess, runToEnd } from './process.ts'
import type { Stage } from './stage.ts'

const cli = join(import.meta.dirname, '../../custom-task/cli/main.ts')

interface Step {
  readonly run: PlayedRun
  readonly sidecar: DemoProcess
  readonly directory: string
}

/** A pipeline asks, gets, uses and loses a token; each act throws where it does not hold. */
export async function tellStory(stage: Stage, tell: Narrator): Promise<void> {
  const step = await authorised(stage, tell)
  const token = await used(stage, tell, step)
  await refused(stage, tell, step)
  await ended(stage, tell, step, token)
  await audited(stage, tell)
}

async function authorised(stage: Stage, tell: Narrator): Promise<Step> {
  tell.act('A PipelineRun starts, and its TokenExchange task asks first')
  const run = stage.tekton.createPipelineRun('release', {
    namespace: 'payments',
    serviceAccount: 'deployer',
    name: 'release-7',
  })
  const customRun = await settled(stage, run)
  const { status, reason, message } = condition(customRun)
  tell.command('tkn customrun describe release-7-token -n payments')
  tell.line(`Succeeded=${status}  ${reason}  ${message}`)
  hold(status === 'True' && reason === 'Authorized', 'the CustomRun is authorised')
  tell.held('RBAC and policy allow it; the run is authorised, and nothing was issued yet')

  const task = await run.task('deploy')
  const { process: sidecar, directory } = await stage.startSidecar(task)
  tell.held(`pod ${task.pod.metadata.name} has its token as a file, fetched where it is used`)
  return { run, sidecar, directory }
}

async function used({ addresses, kube }: Stage, tell: Narrator, { directory }: Step): Promise<string> {
  tell.act('The step calls the protected API; one line, no secret in YAML')
  tell.command(`curl -H @$TOKENBROKER_HEADER_FILE -X POST ${addresses.api}/rollouts`)
  const header = readFileSync(join(directory, 'deploy-staging', 'header'), 'utf8').trim()
  const rollout = await fetch(`${addresses.api}/rollouts`, {
    method: 'POST',
    headers: { Authorization: header.replace('Authorization: ', '') },
  })
  tell.line(`${rollout.status} ${(await rollout.text()).trim()}`)
  hold(rollout.ok, 'the protected API takes the token')
  tell.held('the API verified it by discovery: issuer, keys, audience, scope and expiry')

  const without = await fetch(`${addresses.api}/rollouts`, { method: 'POST' })
  hold(without.status === 401, 'the protected API refuses a request without a token')
  tell.held('without a token the same call is 401')
  const token = header.replace('Authorization: Bearer ', '')
  hold((await introspect(addresses.token, kube, addresses.issuer, token)).active, 'introspection says active')
  tell.held('introspection says active: true')
  return token
}

async function refused({ addresses }: Stage, tell: Narrator, { directory }: Step): Promise<void> {
  tell.act('The step asks for more than its policy allows')
  tell.command('curl -u "deploy-staging:$(cat $TOKENBROKER_DIR/key)" -d grant_type=client_credentials \\')
  tell.line('       -d scope=deploy:production $TOKENBROKER_URL/token')
  const key = readFileSync(join(directory, 'key'), 'utf8').trim()
  // Not by fetch: it sends Sec-Fetch-Mode as browsers do, which the sidecar refuses.
  const answer = await request(`${addresses.sidecar}/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${btoa(`deploy-staging:${key}`)}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: 'grant_type=client_credentials&scope=deploy:production',
  })
  const { error, error_description } = (await answer.body.json()) as { error: string; error_description: string }
  tell.line(`${answer.statusCode} ${error}: ${error_description}`)
  hold(answer.statusCode >= 400 && error === 'invalid_scope', 'a scope beyond the policy is refused')
  tell.held('refused, with what to change; the refusal is on the audit stream as well')
}

async function ended(stage: Stage, tell: Narrator, { run, sidecar, directory }: Step, token: string): Promise<void> {
  tell.act('The run ends, and with it everything it was given')
  run.finishTask('deploy')
  await run.done()
  const exit = await sidecar.stop()
  const { addresses, kube } = stage
  const deadline = Date.now() + 10_000
  let isActive = true
  while (isActive && Date.now() < deadline) {
    isActive = (await introspect(addresses.token, kube, addresses.issuer, token)).active
    if (isActive) await new Promise((resolve) => setTimeout(resolve, 25))
  }
  hold(!isActive, 'introspection says inactive after the run')
  tell.held('introspection says active: false, for a token that has not expired')
  hold(exit === 0 && !existsSync(join(directory, 'deploy-staging', 'token')), 'the sidecar takes its files away')
  tell.held('the sidecar has stopped and its files are gone')
}

async function audited({ journal }: Stage, tell: Narrator): Promise<void> {
  tell.act('The audit stream: who asked, what came of it, and why')
  tell.command('tokenbroker exchanges --journal audit -n payments')
  const listed = await runToEnd([cli, 'exchanges', '--journal', journal, '-n', 'payments'])
  for (const line of listed.output.split('\n')) tell.line(line)
  for (const outcome of ['authorized', 'granted', 'denied']) {
    hold(listed.output.includes(outcome), `the stream has the ${outcome} exchange`)
  }
  tell.command('tokenbroker audit verify audit')
  const verified = await runToEnd([cli, 'audit', 'verify', journal])
  for (const line of verified.output.split('\n')) tell.line(line)
  hold(verified.code === 0, 'the stream verifies')
  tell.held('every record is in the hash chain, and was on the disk before its answer left')
}

/** Waits for the CustomRun of task `token` to be done. */
async function settled({ kube }: Stage, run: PlayedRun): Promise<KubeObject> {
  const { metadata } = await run.customRun('token')
  const ref = { namespace: 'payments', name: metadata.name }
  const deadline = Date.now() + 10_000
  for (;;) {
    const object = kube.objects.get(resources.customRuns, ref)
    if (object !== undefined && condition(object).status !== 'Unknown') return object
    hold(Date.now() < deadline, 'the CustomRun is decided within 10 s')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

function condition(object: KubeObject): { readonly status: string; readonly reason: string; readonly message: string } {
  const { conditions = [] } = (object.status ?? {}) as {
    conditions?: { status: string; reason: string; message: string }[]
  }
  return conditions[0] ?? { status: 'Unknown', reason: '', message: '' }
}

async function introspect(
  url: string,
  kube: Stage['kube'],
  audience: string,
  token: string,
): Promise<{ readonly active: boolean }> {
  const caller = kube.projectToken({ namespace: 'deploy', serviceAccount: 'deploy-api', pod: 'deploy-api-0', audience })
  const response = await fetch(`${url}/introspect`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${caller}` },
    body: new URLSearchParams({ token }),
  })
  hold(response.ok, `introspection answers (${response.status})`)
  return (await response.json()) as { active: boolean }
}

/** For `--keep`: a run that goes on, so that there is something to try. */
export async function leaveRunning(stage: Stage): Promise<{ readonly directory: string }> {
  const run = stage.tekton.createPipelineRun('release', {
    namespace: 'payments',
    serviceAccount: 'deployer',
    name: 'release-8',
  })
  await settled(stage, run)
  return await stage.startSidecar(await run.task('deploy'))
}
