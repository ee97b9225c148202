import { type Bindings, type ChildLoggerOptions, type DestinationStream, type Logger, pino } from 'pino'
import { describeError } from './describe-error.ts'
import { createLogDestination } from './log-destination.ts'
import { withoutCredentials } from './log-redaction.ts'

const levels = ['debug', 'info', 'warn', 'error', 'silent'] as const

export type LogLevel = (typeof levels)[number]

/** Reads `LOG_LEVEL`; anything unknown is `info`. */
export function parseLogLevel(text: string | undefined): LogLevel {
  return levels.find((level) => level === text) ?? 'info'
}

export interface LogOptions {
  /** The process, such as `broker`. */
  readonly name: string
  readonly level?: LogLevel
  /** Default: standard output, see {@link createLogDestination}. */
  readonly destination?: DestinationStream
}

const serializers = {
  err: describeError,
  error: (value: unknown) => (value instanceof Error ? describeError(value) : value),
}

/**
 * One JSON object per line on standard output: `level` (a word), `time` (RFC 3339), `name`, the fields, `msg`. Errors go
 * in the field `err` and are printed by {@link describeError}.
 */
export function createLog({ name, level = 'info', destination }: LogOptions): Logger {
  const options = {
    name,
    level,
    base: { name },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: {
      level: (label: string) => ({ level: label }),
      log: (fields: Record<string, unknown>) => withoutCredentials(fields, isSerialized),
    },
    serializers,
  }
  return withCleanChildren(pino(options, destination ?? createLogDestination()))
}

/** pino shows the bindings of a child to no formatter. Grandchildren inherit this, as a child's prototype is its parent. */
function withCleanChildren(log: Logger): Logger {
  const child: (bindings: Bindings, options?: ChildLoggerOptions) => Logger = log.child
  function cleanChild(this: Logger, bindings: Bindings, options?: ChildLoggerOptions): Logger {
    return child.call(this, withoutCredentials(bindings, isSerialized), options)
  }
  return Object.defineProperty(log, 'child', { value: cleanChild })
}

function isSerialized(name: string, value: object): boolean {
  return value instanceof Error && name in serializers
}
