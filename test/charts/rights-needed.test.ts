import { expect, it } from 'vitest'
import { resources } from '../../core/io/kube/api.ts'
import { accountOf, install } from './installed.ts'
import {
  type Account,
  admit,
  askPeople,
  deliverSecret,
  exchange,
  granted,
  recordTwice,
  refusedPod,
  until,
  used,
} from './rights.ts'

it('the chart gives each part every right that it uses, and none that it does not', async (context) => {
  const installed = await install(context)
  const { kube, tekton } = installed

  const exchangeTask = {
    name: 'token',
    taskRef: { apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'TokenExchange', name: 'deploy-staging' },
  }
  const steps = [{ name: 'rollout', image: 'curlimages/curl' }]
  const tasks = [exchangeTask, { name: 'deploy', runAfter: ['token'], taskSpec: { steps } }]
  const run = tekton.createPipelineRun({ tasks }, { namespace: 'payments', serviceAccount: 'deployer' })
  const task = await run.task('deploy')
  expect(await exchange(installed, task)).toBe(200)
  expect(await admit(installed, task)).toMatchObject({ allowed: true, patchType: 'JSONPatch' })
  await recordTwice(installed, kube.objects.list(resources.customRuns, 'payments')[0] ?? expect.fail(), context)
  kube.objects.delete(resources.pods, { namespace: 'payments', name: task.pod.metadata.name })
  kube.objects.create(refusedPod(task))
  await until(() => used(installed).rights.has('tokenbroker-controller get taskruns.tekton.dev'))
  run.finishTask('deploy')
  await run.done()
  // The Lease is renewed every two seconds.
  await until(() => kube.requests({ verb: 'patch', resource: 'leases' }).length > 1)

  await deliverSecret(installed)
  await askPeople(installed)

  // Its cache does not hear of this run, but of the CustomRun.
  kube.faults.next({ verb: 'watch', resource: 'pipelineruns' }, { kind: 'hang' }, 9)
  kube.faults.dropWatches({ resource: 'pipelineruns' })
  tekton.createPipelineRun('release', { namespace: 'payments', serviceAccount: 'deployer' })
  await until(() => used(installed).rights.has('tokenbroker-controller get pipelineruns.tekton.dev'))
  // A watch is a request when it has ended.
  kube.faults.clear()
  kube.faults.dropWatches()
  const watches = granted().filter((right) => right.includes(' watch '))
  await until(() => watches.every((right) => used(installed).rights.has(right)))

  const { rights, refused } = used(installed)
  expect([...refused]).toEqual([])
  const byAccount = (account: Account, all: Iterable<string>) =>
    [...new Set(all)].filter((right) => right.startsWith(`${account} `)).toSorted()
  for (const account of new Set(Object.values(accountOf)))
    expect(byAccount(account, granted())).toEqual(byAccount(account, rights))
}, 60_000)
