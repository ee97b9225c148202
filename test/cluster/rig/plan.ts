import type { BuiltModule, ModuleName } from '../build.ts'
import type { ImageNames } from './facts.ts'

/** What the process outside the namespaces tells the one inside to do. */
export type Plan = {
  readonly built: Readonly<Record<ModuleName, BuiltModule>>
} & (
  | {
      /** Make a cluster with Tekton and no node from nothing, and leave its data behind. */
      readonly kind: 'snapshot'
      readonly target: string
    }
  | {
      readonly kind: 'cluster'
      readonly snapshot: string
      readonly imageStore: string
      readonly images: ImageNames
      /** Run on the cluster once it is ready; without one the cluster stays until it is told to stop. */
      readonly command?: readonly string[]
    }
)
