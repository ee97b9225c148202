import type { Command } from './command.ts'

/** The first thing a newcomer reads. */
export function overview(commands: readonly Command[]): string {
  return [
    'tokenbroker: short-lived tokens for Tekton pipelines, every one of them on the audit stream.',
    '',
    'Usage: tokenbroker COMMAND [OPTIONS]',
    '',
    ...listOf(commands),
    '',
    'tokenbroker COMMAND --help says more of one. Data goes to standard output, everything else to standard error.',
    'Exit codes: 0 done, 1 failed, 2 wrong usage, 3 denied by policy, 4 waits for approval, 5 not reachable,',
    '130 interrupted.',
  ].join('\n')
}

/** The commands behind a word that is no command by itself, such as `audit`. */
export function groupHelp(word: string, commands: readonly Command[]): string {
  return [`Usage: tokenbroker ${word} COMMAND [OPTIONS]`, '', ...listOf(commands)].join('\n')
}

function listOf(commands: readonly Command[]): readonly string[] {
  const width = Math.max(...commands.map((command) => command.name.length))
  return ['Commands:', ...commands.map((command) => `  ${command.name.padEnd(width)}  ${command.summary}`)]
}

export function commandHelp(command: Command): string {
  const all: Command['options'] = { ...command.options, help: { type: 'boolean', short: 'h', help: 'Show this text.' } }
  const flags = Object.entries(all)
  const rows = flags.map(([name, option]) => {
    const value = option.type === 'string' ? ` ${option.help.split(' ')[0]}` : ''
    const help = option.type === 'string' ? option.help.split(' ').slice(1).join(' ') : option.help
    return { flag: `${option.short ? `-${option.short}, ` : '    '}--${name}${value}`, help }
  })
  const width = Math.max(...rows.map((row) => row.flag.length))
  return [
    command.description,
    '',
    `Usage: tokenbroker ${command.name} ${command.operands}`.trimEnd(),
    '',
    'Options:',
    ...rows.map((row) => `  ${row.flag.padEnd(width)}  ${row.help}`),
    '',
    'Examples:',
    ...command.examples.map((example) => `  ${example}`),
  ].join('\n')
}
