import { Problem } from '../../core/problem.ts'

/**
 * Lets nobody ask but the pod itself: a token that was taken out of its pod is worth nothing elsewhere.
 *
 * @param addresses of the pod; none before the kubelet has written them
 * @throws Problem `workload_mismatch`, or `run_unsettled` while the pod has no address
 */
export function requirePodAddress(addresses: readonly string[], peerAddress: string | undefined): void {
  if (addresses.length === 0) throw new Problem('run_unsettled', { detail: 'the pod has no address yet' })
  if (peerAddress === undefined || !addresses.includes(plainAddress(peerAddress))) {
    throw new Problem('workload_mismatch', { detail: 'the request did not come from an address of the pod' })
  }
}

/** An IPv4 address as a socket of both families shows it is still that address. @see RFC 4291 §2.5.5.2 */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
}
