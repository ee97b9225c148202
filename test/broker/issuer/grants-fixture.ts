import type { GrantBook, LiveGrant } from '../../../broker/audit/grant-book.ts'
import { deployClaims, later } from './issuer-fixture.ts'

type Grants = Pick<GrantBook, 'grant' | 'isRunEnded'>

/** As much of a grant book as introspection and revocation read. */
export function grantsInMemory(grants: readonly LiveGrant[], endedRuns: readonly string[] = []): Grants {
  return {
    grant: (jti) => grants.find((grant) => grant.jti === jti),
    isRunEnded: (run) => endedRuns.includes(run),
  }
}

export const deployGrant: LiveGrant = {
  jti: deployClaims.jti,
  exchangeId: deployClaims.jti,
  subject: 'payments/release-7',
  audience: deployClaims.aud,
  scope: ['deploy:staging', 'image:push'],
  cluster: 'main',
  namespace: 'payments',
  serviceAccount: 'deployer',
  podUid: 'pod-1',
  run: 'run-1',
  expiresAt: later(300),
  isRevoked: false,
}
