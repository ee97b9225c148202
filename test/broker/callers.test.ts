import { describe, expect, it } from 'vitest'
import { isSameAccount } from '../../broker/callers.ts'
import type { Workload } from '../../core/identity/workload.ts'
import { workload } from './exchange-fixture.ts'

const { cluster, namespace, serviceAccount } = workload
const account = { namespace, serviceAccount: serviceAccount.name }

describe('isSameAccount', () => {
  it.each([
    ['that account', account, true],
    ['that account in that cluster', { ...account, cluster }, true],
    ['that account in another cluster', { ...account, cluster: 'other' }, false],
    ['another account', { ...account, serviceAccount: 'other' }, false],
    ['another namespace', { ...account, namespace: 'other' }, false],
    ['nobody', undefined, false],
  ])('knows %s', (_, allowed, isSame) => {
    expect(isSameAccount(workload as Workload, allowed)).toBe(isSame)
  })
})
