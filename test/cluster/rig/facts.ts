/** What a test may know about the cluster it runs on. */
export interface ClusterFacts {
  /** Admin access. */
  readonly kubeconfig: string
  readonly apiUrl: string
  /** Certificate of the cluster's authority, as a file; absent on a foreign cluster whose kubeconfig names none. */
  readonly authority: string | null
  /** Folder of the rig's `ca.crt` and `ca.key`, to sign more certificates; absent on a foreign cluster. */
  readonly pki: string | null
  /** Where pods reach processes of this machine; absent on a foreign cluster unless it was told. */
  readonly hostAddress: string | null
  readonly images: ImageNames
  /** Logs of the cluster's components, and of the processes that tests start. */
  readonly logs: string
  /** Process ids of the components, for tests that stop or pause one; empty on a foreign cluster. */
  readonly processes: Readonly<Record<string, number>>
}

/** Image references usable in pods; the product's are absent as long as their Dockerfile is. */
export interface ImageNames {
  readonly busybox: string
  readonly node: string
  /** A shell and curl. */
  readonly curl: string
  /** A shell, git, Skopeo and the AWS command line. */
  readonly tools: string
  readonly task: string | null
  readonly broker: string | null
}

/** Environment variable that names the file with the facts of a rig. */
export const factsVariable = 'TOKEN_BROKER_CLUSTER'
