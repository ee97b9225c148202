/** Names that injected pods use, and that no other container or volume of such a pod may have. */
export const sidecarContainer = 'tokenbroker'
export const gateContainer = 'tokenbroker-gate'
export const tokenVolume = 'tokenbroker'
export const identityVolume = 'tokenbroker-identity'

/** Where a step finds its directory, and where the sidecar mounts the whole volume. */
export const tokenRoot = '/tokenbroker'
export const identityDirectory = '/var/run/secrets/tokenbroker'

/** The sidecar's defaults; the pod shares them, so nobody else in it may listen there. */
export const localPort = 8099
export const healthPort = 8098
export const localUrl = `http://127.0.0.1:${localPort}`

export const annotationPrefix = 'tokenbroker.dev/'
/** On every pod that was injected, so that its end can be watched; says nothing to anybody who decides. */
export const injectedLabel = `${annotationPrefix}injected`

/** Made by the kubelet for each container, and writable whatever its root file system is. */
export const terminationLog = '/dev/termination-log'

/** What Tekton puts before the name of a step. */
export const stepPrefix = 'step-'
