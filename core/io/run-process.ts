import type { Logger } from 'pino'
import type { z } from 'zod'
import { readProcessConfig } from './config-file.ts'
import { endProcess } from './end-process.ts'
import { createLog, parseLogLevel } from './log.ts'
import { createShutdown, type Shutdown } from './shutdown.ts'

/** What a process works with once its configuration is read. */
export interface ProcessParts<C> {
  readonly config: C
  readonly env: NodeJS.ProcessEnv
  readonly log: Logger
  readonly shutdown: Shutdown
}

/** A process that serves until it is told to stop. */
export interface ServerProgram<S extends z.ZodType> {
  /** In its log lines. */
  readonly name: string
  /** Of the file that `--config` names. */
  readonly schema: S
  /** Shown by `--help`. */
  readonly usage: string
  /** A configuration file that works. */
  readonly example: string
  /** For everything that is to be closed; see {@link createShutdown}. */
  readonly graceMs: (config: z.output<S>) => number
  /** Resolves when it serves; what it throws is logged, and ends the process with 1. */
  readonly start: (parts: ProcessParts<z.output<S>>) => Promise<void>
}

/**
 * Runs a program: reads its configuration, makes its log (`LOG_LEVEL`) and its shutdown, starts it. Exit code 2 where the
 * command line or the configuration cannot be used, 1 where it cannot start.
 */
export async function runProcess<S extends z.ZodType>(program: ServerProgram<S>, host: NodeJS.Process): Promise<void> {
  const { name, schema, usage, example } = program
  const read = await readProcessConfig(host.argv.slice(2), { schema, usage, example })
  if (read.kind !== 'config') endProcess(read.kind === 'help' ? 0 : 2, read.text)
  const config = read.value
  const log = createLog({ name, level: parseLogLevel(host.env['LOG_LEVEL']) })
  const shutdown = createShutdown({ host, log, graceMs: program.graceMs(config) })
  try {
    await program.start({ config, env: host.env, log, shutdown })
  } catch (err) {
    // It was told to stop while it started, and what was under way broke off.
    if (shutdown.signal.aborted) return
    log.fatal({ err }, `${name} cannot start`)
    host.exit(1)
  }
}
