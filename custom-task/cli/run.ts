import { parseArgs } from 'node:util'
import { type Command, type CommandContext, CommandFailure, exitCodes, type OptionSpec, UsageError } from './command.ts'
import { commands } from './commands.ts'
import { commandHelp, groupHelp, overview } from './help.ts'
import { printable } from './printable.ts'

/**
 * Runs one command line.
 *
 * @returns the exit code; nothing is thrown
 */
export async function run(args: readonly string[], context: CommandContext): Promise<number> {
  const [first = '', ...rest] = args
  if (first === '--version') return await run(['version', ...rest], context)
  const asksForHelp = ['help', '--help', '-h'].includes(first)
  const words = asksForHelp ? rest : args
  const command = commands.find(({ name }) => name.split(' ').every((word, at) => words[at] === word))
  if (command === undefined) return explain(words, asksForHelp, context)
  if (asksForHelp) return show(commandHelp(command), context)
  return await runCommand(command, args.slice(command.name.split(' ').length), context)
}

/** Help where no command was named, or one that does not exist. */
function explain(words: readonly string[], asksForHelp: boolean, context: CommandContext): number {
  const [first, second, ...more] = words
  if (first === undefined && asksForHelp) return show(overview(commands), context)
  const group = commands.filter(({ name }) => name.startsWith(`${first} `))
  const isGroup = group.length > 0 && more.length === 0
  if (isGroup && (['--help', '-h'].includes(second ?? '') || (asksForHelp && second === undefined))) {
    return show(groupHelp(first ?? '', group), context)
  }
  context.note(whatIsWrong(first, second, group))
  return exitCodes.usage
}

function whatIsWrong(first: string | undefined, second: string | undefined, group: readonly Command[]): string {
  if (first === undefined) return overview(commands)
  if (first.startsWith('-')) return 'Options go behind the command: tokenbroker COMMAND [OPTIONS].'
  if (group.length === 0) return `There is no command${nameOf(first)}: tokenbroker --help lists them.`
  const problem = second === undefined ? [] : [`There is no command ${first}${nameOf(second)}.`]
  return [...problem, groupHelp(first, group)].join('\n')
}

function show(text: string, { out }: CommandContext): number {
  out(text)
  return exitCodes.ok
}

async function runCommand(command: Command, args: readonly string[], context: CommandContext): Promise<number> {
  try {
    const { values, positionals } = parse(command, args)
    if (values['help'] === true) return show(commandHelp(command), context)
    return await command.run({ positionals, options: values }, context)
  } catch (cause) {
    return failed(command, cause, context)
  }
}

function failed(command: Command, cause: unknown, { note, signal }: CommandContext): number {
  if (cause instanceof UsageError) {
    note(cause.message)
    note(`${`Usage: tokenbroker ${command.name} ${command.operands}`.trimEnd()}   (--help says more)`)
    return command.usageExitCode ?? exitCodes.usage
  }
  if (cause instanceof CommandFailure) {
    note(cause.message)
    return cause.exitCode
  }
  if (signal.aborted) {
    note('Interrupted.')
    return exitCodes.interrupted
  }
  note(`tokenbroker ${command.name} failed: ${cause instanceof Error ? printable(cause.message) : 'unknown error'}`)
  return exitCodes.failed
}

function parse(command: Command, args: readonly string[]) {
  const options = Object.fromEntries(
    Object.entries({ ...command.options, help: { type: 'boolean' as const, short: 'h' } }).map(([name, option]) => [
      name,
      { type: option.type, ...(option.short && { short: option.short }) },
    ]),
  )
  const parsed = parsedBy(args, options)
  const names = parsed.tokens.flatMap((token) => (token.kind === 'option' ? [token.name] : []))
  // The last would count, silently: of two --scope the first one would be lost.
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) throw new UsageError(`Option --${twice} is given more than once.`)
  return parsed
}

function parsedBy(args: readonly string[], options: Readonly<Record<string, Pick<OptionSpec, 'type' | 'short'>>>) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true, tokens: true })
  } catch (cause) {
    // First sentence only: the rest explains Node.
    const [message = ''] = (cause instanceof Error ? cause.message : 'Wrong options').split(/\.\s/)
    throw new UsageError(`${printable(message)}.`, { cause })
  }
}

/** The word that was typed, unless it may be something else than a command: a token that was pasted, say. */
function nameOf(word: string): string {
  return /^[a-z-]{1,32}$/i.test(word) ? ` ${word}` : ' of that name'
}
