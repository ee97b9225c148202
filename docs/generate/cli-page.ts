import { commands } from '../../custom-task/cli/commands.ts'
import { commandHelp, overview } from '../../custom-task/cli/help.ts'
import { fenced, generatedFrom, page } from './markdown.ts'

export function cliPage(): string {
  return page(
    generatedFrom('custom-task/cli'),
    '# The command line',
    'In a checkout, after `npm ci`: `npx --no tokenbroker`, where `--no` keeps npx from installing a package of that name where there is no checkout. In the image of the custom task: `node /app/cli.mjs`.',
    fenced('text', overview(commands)),
    ...commands.flatMap((command) => [`## ${command.name}`, fenced('text', commandHelp(command))]),
  )
}
