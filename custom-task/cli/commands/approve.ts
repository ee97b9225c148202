import { decideCommand } from '../approvals/decide.ts'

export const approve = decideCommand({
  name: 'approve',
  summary: 'Say yes to what a run asks for.',
  verdict: 'Approved',
  example: 'tokenbroker approve deploy-production-4f0c21a9b7d35e68c012 -n payments -m CHG-4711',
})
