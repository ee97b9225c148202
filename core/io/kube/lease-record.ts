import type { KubeObject } from './api.ts'
import { isRecord } from './objects.ts'

/** What a Lease says about who leads. */
export interface LeaseRecord {
  readonly resourceVersion: string
  /** Undefined when nobody holds it. */
  readonly holder: string | undefined
  readonly durationSeconds: number | undefined
  readonly acquireTime: string | undefined
  readonly renewTime: string | undefined
  /** How often it changed hands; undefined before anybody ever held it. */
  readonly transitions: number | undefined
}

/** Reads a Lease; what is not as the API documents it counts as absent. */
export function readLease({ metadata, spec }: KubeObject): LeaseRecord {
  const fields = isRecord(spec) ? spec : {}
  return {
    resourceVersion: metadata.resourceVersion,
    holder: textOf(fields['holderIdentity']),
    durationSeconds: numberOf(fields['leaseDurationSeconds']),
    acquireTime: textOf(fields['acquireTime']),
    renewTime: textOf(fields['renewTime']),
    transitions: numberOf(fields['leaseTransitions']),
  }
}

/** The spec of whoever takes the Lease at a moment. */
export function takenSpec(holder: string, at: Date, durationSeconds: number, transitions: number): object {
  const time = microTime(at)
  return {
    holderIdentity: holder,
    leaseDurationSeconds: durationSeconds,
    acquireTime: time,
    renewTime: time,
    leaseTransitions: transitions,
  }
}

/** Merge patch of the spec that gives the Lease up: the next one need not wait until it runs out. */
export function releasedSpec(at: Date): object {
  return { holderIdentity: null, leaseDurationSeconds: 1, renewTime: microTime(at) }
}

/** metav1.MicroTime: the API server takes exactly six digits of a second. */
export function microTime(at: Date): string {
  return `${at.toISOString().slice(0, 23)}000Z`
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}
