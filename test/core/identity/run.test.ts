import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { noRun, parseCustomRunReference, runObject } from '../../../core/identity/run.ts'
import { serviceAccountUser } from '../../../core/identity/workload.ts'

const uid = '22222222-2222-4222-8222-222222222222'

describe('parseCustomRunReference', () => {
  it.each([
    [`payments/release/${uid}`, { namespace: 'payments', name: 'release', uid }],
    [`a/b.c-d/${uid}`, { namespace: 'a', name: 'b.c-d', uid }],
    [`9/9/${uid}`, { namespace: '9', name: '9', uid }],
  ])('reads %s', (text, reference) => {
    expect(parseCustomRunReference(text)).toEqual(reference)
  })

  it.each([
    '',
    '/',
    '//',
    `payments/release`,
    `payments/release/`,
    `/release/${uid}`,
    `payments//${uid}`,
    `payments/release/${uid}/`,
    `payments/release/${uid}/x`,
    `/payments/release/${uid}`,
    `Payments/release/${uid}`,
    `payments/re lease/${uid}`,
    `payments/../${uid}`,
    `payments/-a/${uid}`,
    `payments/a-/${uid}`,
    `payments/a%2Fb/${uid}`,
    `payments/${'a'.repeat(254)}/${uid}`,
    `payments/release/${uid.toUpperCase().replaceAll('2', 'A')}`,
    `payments/release/${uid}\n`,
    `payments/release/${uid.slice(1)}`,
    `payments/release/${uid.replaceAll('-', '')}`,
    `payments/release/x${uid.slice(1)}`,
  ])('refuses %j', (text) => {
    expect(parseCustomRunReference(text)).toBeUndefined()
  })

  it('reads back what it yields', () => {
    const name = fc.stringMatching(/^[a-z0-9](?:[a-z0-9.-]{0,20}[a-z0-9])?$/)

    fc.assert(
      fc.property(name, name, fc.uuid(), (namespace, run, id) => {
        expect(parseCustomRunReference(`${namespace}/${run}/${id}`)).toEqual({ namespace, name: run, uid: id })
      }),
    )
  })
})

describe('runObject', () => {
  const pipelineRun = { name: 'release', uid: '1' }
  const taskRun = { name: 'release-deploy', uid: '2' }

  it('is the PipelineRun, which ends what its TaskRuns were given', () => {
    expect(runObject({ ...noRun, pipelineRun, taskRun })).toEqual({ kind: 'PipelineRun', name: 'release', uid: '1' })
  })

  it('is the TaskRun that stands alone', () => {
    expect(runObject({ ...noRun, taskRun })).toEqual({ kind: 'TaskRun', name: 'release-deploy', uid: '2' })
  })

  it('is nothing for a pod that no run made', () => {
    expect(runObject(noRun)).toBeUndefined()
  })
})

describe('serviceAccountUser', () => {
  it('is the user name that Kubernetes gives a ServiceAccount', () => {
    expect(serviceAccountUser('payments', 'deployer')).toBe('system:serviceaccount:payments:deployer')
  })
})
