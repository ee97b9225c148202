/**
 * A process cannot start as it is set up: the message names the setting and what to change. It has no stack, which would
 * only bury that sentence in the log.
 */
export class StartError extends Error {
  override readonly name: string = 'StartError'

  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    Object.defineProperty(this, 'stack', { value: undefined })
  }
}
