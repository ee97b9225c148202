import { StartError } from '../../core/io/start-error.ts'

/** Why a journal cannot be opened. The message says where, and what to do. */
export class JournalUnusable extends StartError {
  override readonly name = 'JournalUnusable'
  readonly kind: 'damaged' | 'locked'

  constructor(kind: 'damaged' | 'locked', message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}
