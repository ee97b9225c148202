import type { Command } from './command.ts'
import { approvals } from './commands/approvals.ts'
import { approve } from './commands/approve.ts'
import { auditVerify } from './commands/audit-verify.ts'
import { conformanceLocalhost } from './commands/conformance-localhost.ts'
import { doctor } from './commands/doctor.ts'
import { exchanges } from './commands/exchanges.ts'
import { explain } from './commands/explain.ts'
import { init } from './commands/init.ts'
import { policyTest } from './commands/policy-test.ts'
import { reject } from './commands/reject.ts'
import { revoke } from './commands/revoke.ts'
import { token } from './commands/token.ts'
import { trace } from './commands/trace.ts'
import { version } from './commands/version.ts'
import { whoCan } from './commands/who-can.ts'
import { whoami } from './commands/whoami.ts'

/** Every command. A new one: its file, and its line here. */
export const commands: readonly Command[] = [
  doctor,
  init,
  explain,
  whoCan,
  policyTest,
  whoami,
  token,
  exchanges,
  trace,
  approvals,
  approve,
  reject,
  revoke,
  auditVerify,
  conformanceLocalhost,
  version,
]
