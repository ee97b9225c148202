/** One arrival of a body at a trigger. */
export interface Arrival {
  readonly sender: string
  /** Hex SHA-256 of the raw body. */
  readonly bodyDigest: string
  readonly eventId: string
  readonly trigger: { readonly namespace: string; readonly name: string }
}

/**
 * Bodies that came in. What tells a replay is the body: it is all that a signature covers, while ids of deliveries stand
 * in headers that anybody may change. One request to an EventListener may start several triggers, each under the same
 * event id.
 */
export interface SeenBodies {
  /** @returns false where the body came before in another request, or for the same trigger */
  add(arrival: Arrival, at: Date): boolean
  /** @returns whether it is the first time that this body came again */
  noteReplay(arrival: Arrival): boolean
  /** Takes back what could not be recorded. */
  remove(arrival: Arrival): void
  /** Forgets what came before a moment. */
  sweep(before: Date): void
}

interface Seen {
  readonly eventId: string
  readonly triggers: Set<string>
  readonly at: Date
  isReplayed: boolean
}

/** @param maxBodies when so many are known the oldest is forgotten */
export function createSeenBodies(maxBodies: number): SeenBodies {
  // A Map keeps its order: the oldest comes first.
  const bodies = new Map<string, Seen>()

  return Object.freeze({
    add(arrival: Arrival, at: Date) {
      const seen = bodies.get(keyOf(arrival))
      const trigger = triggerOf(arrival)
      if (seen !== undefined) {
        if (seen.eventId !== arrival.eventId || seen.triggers.has(trigger)) return false
        seen.triggers.add(trigger)
        return true
      }
      const [oldest] = bodies.size >= maxBodies ? bodies.keys() : []
      if (oldest !== undefined) bodies.delete(oldest)
      bodies.set(keyOf(arrival), { eventId: arrival.eventId, triggers: new Set([trigger]), at, isReplayed: false })
      return true
    },
    noteReplay(arrival: Arrival) {
      const seen = bodies.get(keyOf(arrival))
      if (seen === undefined || seen.isReplayed) return false
      seen.isReplayed = true
      return true
    },
    remove(arrival: Arrival) {
      const seen = bodies.get(keyOf(arrival))
      if (seen?.eventId !== arrival.eventId) return
      seen.triggers.delete(triggerOf(arrival))
      if (seen.triggers.size === 0) bodies.delete(keyOf(arrival))
    },
    sweep(before: Date) {
      for (const [key, { at }] of bodies) if (at < before) bodies.delete(key)
    },
  })
}

function keyOf({ sender, bodyDigest }: Arrival): string {
  return `${sender} ${bodyDigest}`
}

function triggerOf({ trigger }: Arrival): string {
  return `${trigger.namespace}/${trigger.name}`
}
