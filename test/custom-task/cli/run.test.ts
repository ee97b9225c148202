import { describe, expect, it } from 'vitest'
import { exitCodes } from '../../../custom-task/cli/command.ts'
import { commands } from '../../../custom-task/cli/commands.ts'
import { commandHelp, overview } from '../../../custom-task/cli/help.ts'
import { commandLine } from './command-line.ts'

const names = commands.map(({ name }) => name)

describe('help', () => {
  it.each([['help'], ['--help'], ['-h']])('shows all commands with %s', async (word) => {
    const { code, out, notes } = await commandLine([word])

    expect([code, out, notes]).toEqual([0, `${overview(commands)}\n`, ''])
    for (const { name, summary } of commands) expect(out).toMatch(new RegExp(`^ {2}${name} +${summary}$`, 'm'))
  })

  it('is on standard error with code 2 where no command was named', async () => {
    expect(await commandLine([])).toEqual({ code: 2, out: '', notes: `${overview(commands)}\n` })
  })

  it('names every exit code', () => {
    for (const code of Object.values(exitCodes)) expect(overview(commands)).toMatch(new RegExp(`\\b${code} [a-z]`))
  })

  it.each(names)('explains %s in every way that one may ask', async (name) => {
    const words = name.split(' ')
    const command = commands.find((one) => one.name === name)
    const text = command === undefined ? '' : `${commandHelp(command)}\n`

    for (const args of [
      [...words, '--help'],
      [...words, '-h'],
      ['help', ...words],
      ['--help', ...words],
    ]) {
      expect(await commandLine(args)).toEqual({ code: 0, out: text, notes: '' })
    }
  })

  it.each(commands)('of $name names every option in usage or list, and fits a terminal', (command) => {
    const text = commandHelp(command)

    expect(text).toContain(`Usage: tokenbroker ${command.name}`)
    expect(command.examples.length).toBeGreaterThan(0)
    for (const name of Object.keys(command.options))
      expect(text).toMatch(new RegExp(`^ {2}.{4}--${name}\\b.* {2}\\S`, 'm'))
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(130)
  })

  it.each(commands)('of $name has examples that name the command', ({ name, examples }) => {
    for (const example of examples) expect(example).toContain(`tokenbroker ${name}`)
  })

  it.each([[['audit', '--help']], [['audit', '-h']], [['help', 'audit']]])('lists a group with %j', async (args) => {
    const { code, out } = await commandLine(args)

    expect(code).toBe(0)
    expect(out).toContain('Usage: tokenbroker audit COMMAND')
    expect(out).toContain('  audit verify  ')
    expect(out).not.toContain('whoami')
  })
})

describe('run', () => {
  it.each<[string, readonly string[], string]>([
    ['an unknown command', ['exchange'], 'There is no command exchange: tokenbroker --help lists them.\n'],
    [
      'help of an unknown command',
      ['help', 'exchange'],
      'There is no command exchange: tokenbroker --help lists them.\n',
    ],
    [
      'an option before the command',
      ['-n', 'payments', 'exchanges'],
      'Options go behind the command: tokenbroker COMMAND [OPTIONS].\n',
    ],
    [
      'a word that may be a credential',
      ['eyJhbGciOi.J9.x'],
      'There is no command of that name: tokenbroker --help lists them.\n',
    ],
    [
      'an unknown command of a group',
      ['audit', 'prune'],
      'There is no command audit prune.\nUsage: tokenbroker audit COMMAND',
    ],
    ['a group alone', ['audit'], 'Usage: tokenbroker audit COMMAND'],
    ['two words in one', ['audit verify'], 'There is no command of that name'],
  ])('refuses %s', async (_what, args, message) => {
    const { code, out, notes } = await commandLine(args)

    expect([code, out]).toEqual([2, ''])
    expect(notes.startsWith(message)).toBe(true)
  })

  it.each<[readonly string[], string]>([
    [['whoami', '--bogus'], "Unknown option '--bogus'."],
    [['whoami', '--token-file'], "Option '--token-file <value>' argument missing."],
    [['whoami', '--token-file', '-o'], "Option '--token-file' argument is ambiguous."],
    [['exchanges', '--no-headers=yes'], "Option '--no-headers' does not take an argument."],
    [['token', 'a', '--scope', 'x', '--scope', 'y'], 'Option --scope is given more than once.'],
    [['whoami', 'me'], 'whoami takes no operands.'],
    [['version', '1'], 'version takes no operands.'],
    [['token'], 'Name one policy.'],
    [['token', 'a', 'b'], 'Name one policy.'],
    [['token', ''], 'Name one policy.'],
    [['token', 'a', '--min-ttl', '1m'], '--min-ttl takes a number of seconds.'],
    [['token', 'a', '-o', 'yaml'], '--output takes token, header or json.'],
    [['whoami', '-o', 'yaml'], '--output takes text or json.'],
    [['exchanges'], 'Name the journal with --journal.'],
    [['exchanges', './journal'], 'Name the journal with --journal.'],
    [['exchanges', '--journal', '.', './journal'], 'exchanges takes one exchange id, as a refusal ends with it.'],
    [['exchanges', '--journal', '.', 'a', 'b'], 'exchanges takes one exchange id, as a refusal ends with it.'],
    [
      ['exchanges', '--journal', '.', '--outcome', 'allowed'],
      '--outcome takes granted, authorized, denied, failed, intended or info.',
    ],
    [['exchanges', '--journal', '.', '-o', 'yaml'], '--output takes table, wide or json.'],
  ])('says what is wrong with %j, and the usage', async (args, message) => {
    const { code, out, notes } = await commandLine(args)

    expect([code, out]).toEqual([2, ''])
    expect(notes).toBe(`${message}\n${notes.split('\n')[1]}\n`)
    expect(notes).toContain(`\nUsage: tokenbroker ${args[0]}`)
  })

  it.each([['version'], ['--version']])('shows the version with %s', async (word) => {
    expect(await commandLine([word])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^tokenbroker \d+\.\d+\.\d+\n$/),
    })
  })

  it.each([[['whoami', '--token-file', '/dev/null']], [['token', 'deploy']]])(
    'ends with 130 when it was interrupted: %j',
    async (args) => {
      expect(await commandLine(args, { signal: AbortSignal.abort() })).toEqual({
        code: 130,
        out: '',
        notes: 'Interrupted.\n',
      })
    },
  )
})
