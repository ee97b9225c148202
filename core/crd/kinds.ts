import { clusterTokenProvider } from './cluster-token-provider.ts'
import { tokenPolicy } from './token-policy.ts'
import { tokenScope } from './token-scope.ts'

/** Every kind of our API group; `npm run generate` writes one CRD for each. */
export const kinds = [clusterTokenProvider, tokenPolicy, tokenScope] as const
