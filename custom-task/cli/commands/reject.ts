import { decideCommand } from '../approvals/decide.ts'

export const reject = decideCommand({
  name: 'reject',
  summary: 'Say no to what a run asks for: one no is enough.',
  verdict: 'Rejected',
  example: 'tokenbroker reject deploy-production-4f0c21a9b7d35e68c012 -n payments -m "not on a Friday"',
})
