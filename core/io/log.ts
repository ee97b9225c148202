import { type DestinationStream, type Logger, pino } from 'pino'
import { describeError } from './describe-error.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

export interface LogOptions {
  /** The process, such as `broker`. */
  readonly name: string
  readonly level?: LogLevel
  /** Default: standard output, written at once, so that nothing is lost when the process ends. */
  readonly destination?: DestinationStream
}

/** Second net under `Secret`: names that hold a credential wherever they turn up, two levels deep. */
const credentialFields = [
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'token',
  'access_token',
  'refresh_token',
  'id_token',
  'subject_token',
  'actor_token',
  'assertion',
  'client_assertion',
  'client_secret',
  'password',
  'private_key',
]

const quoted = credentialFields.map((field) => `["${field}"]`)
const paths = quoted.flatMap((field) => [field, `*${field}`, `*.*${field}`])

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
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: {
      err: describeError,
      error: (value: unknown) => (value instanceof Error ? describeError(value) : value),
    },
    redact: { paths, censor: '[redacted]' },
  }
  return destination ? pino(options, destination) : pino(options, pino.destination({ dest: 1, sync: true }))
}
