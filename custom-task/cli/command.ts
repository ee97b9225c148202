import type { Clock } from '../../core/clock.ts'

/** Exit codes, documented and stable. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  denied: 3,
  pending: 4,
  unreachable: 5,
  /** As shells say of SIGINT. */
  interrupted: 130,
} as const

export type OptionSpec = {
  readonly type: 'string' | 'boolean'
  readonly short?: string
  /** One line of help; for a string it starts with the value's name in capitals. */
  readonly help: string
}

/** What a command may touch. Data goes to `out`, everything else to `note`. */
export interface CommandContext {
  /** Prints a line. @returns false when nobody reads any more: a listing may end */
  readonly out: (line: string) => boolean
  readonly note: (line: string) => void
  readonly isTerminal: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly signal: AbortSignal
}

export interface CommandInput {
  readonly positionals: readonly string[]
  readonly options: Readonly<Record<string, string | boolean | undefined>>
}

/** One command: a file of its own and a line in `commands.ts`; its help is its documentation. */
export interface Command {
  /** Words as typed, such as `audit verify`. */
  readonly name: string
  readonly summary: string
  /** Positional arguments and options as shown in the usage line. */
  readonly operands: string
  readonly description: string
  readonly examples: readonly string[]
  readonly options: Readonly<Record<string, OptionSpec>>
  /** Exit code of wrong usage, where 2 means something else. Default: 2. */
  readonly usageExitCode?: number
  run(input: CommandInput, context: CommandContext): Promise<number>
}

/** A command that was called wrongly: printed with the usage, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** A command that could not do its work: its message is one sentence with the mend. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure'
  readonly exitCode: number

  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

/** A string option's value, or undefined. */
export function text({ options }: CommandInput, name: string): string | undefined {
  const value = options[name]
  return typeof value === 'string' ? value : undefined
}

/**
 * The value of an option that takes one of a few words.
 *
 * @throws UsageError that lists them
 */
export function choice<T extends string>(input: CommandInput, name: string, words: readonly T[]): T | undefined {
  const value = text(input, name)
  const found = words.find((word) => word === value)
  if (value === undefined || found !== undefined) return found
  throw new UsageError(`--${name} takes ${words.slice(0, -1).join(', ')} or ${words.at(-1)}.`)
}

/**
 * The one operand of a command.
 *
 * @throws UsageError when there is none, or more than one
 */
export function operand({ positionals }: CommandInput, what: string): string {
  const [first, ...rest] = positionals
  if (first === undefined || first === '' || rest.length > 0) throw new UsageError(`Name one ${what}.`)
  return first
}
