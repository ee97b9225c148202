import { writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import { parseArgs } from 'node:util'
import { parseSecondsOrDuration } from '../../core/duration.ts'
import { parseJson, readText } from '../../core/io/body.ts'
import { withDeadline } from '../../core/io/deadline.ts'
import { isLoopback } from '../../core/io/loopback.ts'
import { systemDelay } from '../../core/io/system.ts'
import { gateLine, maxGateMessageLength } from '../gate-message.ts'
import { judgeReadiness, type Readiness } from './readiness.ts'

const usage = `Usage: gate [--url http://127.0.0.1:8098/readyz] [--timeout 60s] [--optional] [--message-file FILE]

Waits until every token of the pod is there (exit 0), one is refused or the time is over (exit 1; with --optional exit 0
when the time is over). What it says then is on standard error, and in FILE: the termination log of its container.
`

const pollMs = 200
const answerTimeoutMs = 2000
const maxAnswerBytes = 262_144

/** A sidecar that cannot be reached is one that has not started yet. */
const notStarted: Readiness = { kind: 'waiting', sentences: ['the sidecar does not answer: is it in this pod?'] }

const { url, timeoutSeconds, isOptional, messageFile } = readArguments()
const readiness = await waitForTokens(url, timeoutSeconds)
process.exitCode = readiness === 'ready' || (readiness === 'waiting' && isOptional) ? 0 : 1

async function waitForTokens(address: string, seconds: number): Promise<Readiness['kind']> {
  const deadline = AbortSignal.timeout(seconds * 1000)
  let last = notStarted
  while (!deadline.aborted) {
    last = await ask(address, deadline).catch(() => last)
    if (last.kind !== 'waiting') break
    await systemDelay(pollMs, deadline).catch(() => undefined)
  }
  if (last.kind === 'waiting') await say([...last.sentences, `no token after ${seconds} s`])
  if (last.kind === 'refused') await say(last.sentences)
  return last.kind
}

async function say(sentences: readonly string[]): Promise<void> {
  const text = sentences.map(gateLine).join('')
  process.stderr.write(text)
  // Who looks at the pod finds it in the log too; the file is for those who look at the pod's status.
  if (messageFile !== undefined)
    await writeFile(messageFile, text.slice(0, maxGateMessageLength)).catch(() => undefined)
}

async function ask(address: string, signal: AbortSignal): Promise<Readiness> {
  return await withDeadline(answerTimeoutMs, signal, async (inner) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const request = get(address, { agent: false, signal: inner }, (answer) => {
      readText(answer, maxAnswerBytes).then(resolve, reject)
    })
    request.on('error', reject)
    return judgeReadiness(parseJson(await promise))
  })
}

interface Arguments {
  readonly url: string
  readonly timeoutSeconds: number
  readonly isOptional: boolean
  readonly messageFile: string | undefined
}

function readArguments(): Arguments {
  try {
    const options = {
      url: { type: 'string' },
      timeout: { type: 'string' },
      optional: { type: 'boolean' },
      'message-file': { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    } as const
    const { values } = parseArgs({ options })
    if (values.help) end(usage)
    const address = URL.parse(values.url ?? 'http://127.0.0.1:8098/readyz')
    const seconds = parseSecondsOrDuration(values.timeout ?? '60s')
    if (address?.protocol === 'http:' && isLoopback(address.hostname) && seconds !== undefined) {
      const messageFile = values['message-file']
      return { url: address.href, timeoutSeconds: seconds, isOptional: values.optional === true, messageFile }
    }
  } catch {
    // What is wrong is shown by what would be right.
  }
  process.stderr.write(
    `--url takes http on loopback, --timeout a duration such as 60s, and nothing is beside them\n\n${usage}`,
  )
  process.exit(2)
}

function end(text: string): never {
  process.stdout.write(text)
  process.exit(0)
}
