import { version as productVersion } from '../../../core/version.ts'
import { type Command, exitCodes, UsageError } from '../command.ts'

export const version: Command = {
  name: 'version',
  summary: 'Show the version of this program.',
  operands: '',
  description: 'Prints the version. tokenbroker --version does the same.',
  examples: ['tokenbroker version'],
  options: {},
  async run({ positionals }, { out }) {
    if (positionals.length > 0) throw new UsageError('version takes no operands.')
    out(`tokenbroker ${productVersion}`)
    return exitCodes.ok
  },
}
