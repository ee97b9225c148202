import { parseArgs } from 'node:util'
import { type Command, type CommandContext, CommandFailure, exitCodes, UsageError } from './command.ts'
import { commands } from './commands.ts'
import { commandHelp, overview } from './help.ts'

/**
 * Runs one command line.
 *
 * @returns the exit code; nothing is thrown
 */
export async function run(args: readonly string[], context: CommandContext): Promise<number> {
  if (args.length === 0 || (args.length === 1 && ['help', '--help', '-h'].includes(args[0] ?? ''))) {
    context.out(overview(commands))
    return args.length === 0 ? exitCodes.usage : exitCodes.ok
  }
  const command = commands.find((one) => args.join(' ').split(' ').slice(0, words(one)).join(' ') === one.name)
  if (command === undefined) {
    context.note(`There is no command ${printable(args[0] ?? '')}: tokenbroker --help lists them.`)
    return exitCodes.usage
  }
  return await runCommand(command, args.slice(words(command)), context)
}

function words(command: Command): number {
  return command.name.split(' ').length
}

async function runCommand(command: Command, args: readonly string[], context: CommandContext): Promise<number> {
  try {
    const { values, positionals } = parse(command, args)
    if (values['help'] === true) {
      context.out(commandHelp(command))
      return exitCodes.ok
    }
    return await command.run({ positionals, options: values }, context)
  } catch (cause) {
    if (cause instanceof UsageError) {
      context.note(cause.message)
      context.note(`Usage: tokenbroker ${command.name} ${command.operands}   (--help says more)`)
      return command.usageExitCode ?? exitCodes.usage
    }
    if (cause instanceof CommandFailure) {
      context.note(cause.message)
      return cause.exitCode
    }
    context.note(`tokenbroker ${command.name} failed: ${cause instanceof Error ? cause.message : 'unknown error'}`)
    return exitCodes.failed
  }
}

function parse(command: Command, args: readonly string[]) {
  const options = Object.fromEntries(
    Object.entries({ ...command.options, help: { type: 'boolean' as const, short: 'h' } }).map(([name, option]) => [
      name,
      { type: option.type, ...(option.short && { short: option.short }) },
    ]),
  )
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true })
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message.split('. ')[0] : 'wrong options', { cause })
  }
}

function printable(text: string): string {
  return /^[a-z-]{1,32}$/.test(text) ? text : '(not printable)'
}
