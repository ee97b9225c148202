import { describe, expect, it } from 'vitest'
import type { LiveGrant } from '../../../broker/audit/grant-book.ts'
import { createRevoke } from '../../../broker/issuer/revoke.ts'
import { Secret } from '../../../core/secret.ts'
import { deployGrant, grantsInMemory } from './grants-fixture.ts'
import { deployClaims, later, start, testIssuer } from './issuer-fixture.ts'

const anybody = { callerMayRevoke: () => true }

async function revokeWith(grants: readonly LiveGrant[]) {
  const issuer = await testIssuer()
  const { token } = await issuer.mint(deployClaims, {
    algorithm: 'ES256',
    tokenType: 'at+jwt',
    issuedAt: start,
    expiresAt: later(300),
  })
  return { issuer, token, revoke: createRevoke({ verifyOwn: issuer.verifyOwn, grants: grantsInMemory(grants) }) }
}

describe('revoke', () => {
  it('says which grant is to be recorded as revoked', async () => {
    const { revoke, token } = await revokeWith([deployGrant])

    expect(await revoke(token, anybody)).toBe(deployGrant)
  })

  it('refuses a caller that the token was not issued to', async () => {
    const { revoke, token } = await revokeWith([deployGrant])
    const callerMayRevoke = (grant: LiveGrant) => grant.podUid === 'pod-2'

    await expect(revoke(token, { callerMayRevoke })).rejects.toMatchObject({ reason: 'caller_not_allowed' })
  })

  it('has nothing to record for a token that is revoked already', async () => {
    const { revoke, token } = await revokeWith([{ ...deployGrant, isRevoked: true }])

    expect(await revoke(token, anybody)).toBeUndefined()
  })

  it('has nothing to record for an expired token', async () => {
    const { revoke, token, issuer } = await revokeWith([deployGrant])
    await issuer.pass(300)

    expect(await revoke(token, anybody)).toBeUndefined()
  })

  it('has nothing to record for a token that it does not know', async () => {
    const { revoke, token } = await revokeWith([])

    expect(await revoke(token, anybody)).toBeUndefined()
    expect(await revoke(new Secret('opaque'), anybody)).toBeUndefined()
  })
})
