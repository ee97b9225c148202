import type { Command } from './command.ts'
import { auditVerify } from './commands/audit-verify.ts'
import { conformanceLocalhost } from './commands/conformance-localhost.ts'
import { doctor } from './commands/doctor.ts'
import { exchanges } from './commands/exchanges.ts'
import { revoke } from './commands/revoke.ts'
import { token } from './commands/token.ts'
import { version } from './commands/version.ts'
import { whoami } from './commands/whoami.ts'

/** Every command. A new one: its file, and its line here. */
export const commands: readonly Command[] = [
  doctor,
  whoami,
  token,
  exchanges,
  revoke,
  auditVerify,
  conformanceLocalhost,
  version,
]
