export interface SingleFlight<T> {
  run(key: string, start: () => Promise<T>): Promise<T>
}

/** Callers with an equal key share one promise while it is under way. Over `maxKeys` at once others get `overloaded`. */
export function createSingleFlight<T>(maxKeys: number, overloaded: T): SingleFlight<T> {
  const flights = new Map<string, Promise<T>>()

  return Object.freeze({
    run(key: string, start: () => Promise<T>): Promise<T> {
      const underWay = flights.get(key)
      if (underWay !== undefined) return underWay
      if (flights.size >= maxKeys) return Promise.resolve(overloaded)
      const flight = start().finally(() => flights.delete(key))
      flights.set(key, flight)
      return flight
    },
  })
}
