/**
 * A credential, from the byte it enters the process to the byte it leaves.
 *
 * Every way a value is usually printed (string, JSON, inspect, console, template) yields `[secret]`; the text comes out
 * of {@link Secret.reveal} alone, and the architecture test lists the files that may call it.
 */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  /** The credential itself. Only for the edge that sends, verifies or hashes it. */
  reveal(): string {
    return this.#value
  }

  /** Length in UTF-16 units; safe to print, as limits and diagnostics need it. */
  get length(): number {
    return this.#value.length
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  get [Symbol.toStringTag](): string {
    return 'secret'
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]'
  }
}
