import { clusterTokenPolicy } from './cluster-token-policy.ts'
import { clusterTokenProvider } from './cluster-token-provider.ts'
import { tokenApproval } from './token-approval.ts'
import { tokenPolicy } from './token-policy.ts'
import { tokenScope } from './token-scope.ts'

/** Every kind of our API group; `npm run generate` writes one CRD for each. */
export const kinds = [clusterTokenProvider, tokenPolicy, clusterTokenPolicy, tokenApproval, tokenScope] as const
