/** Label of namespaces whose runs can be `verified`. */
export const verifiedLabel = 'tokenbroker.dev/verified'

/** What the label says there. Whoever may label namespaces decides it: not the `edit` role. */
export const verifiedNamespaces: Readonly<Record<string, string>> = { [verifiedLabel]: 'true' }
