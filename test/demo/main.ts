import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { thingsToTry } from './keep.ts'
import { createNarrator, DidNotHold } from './narrator.ts'
import { type Stage, setStage } from './stage.ts'
import { leaveRunning, tellStory } from './story.ts'

const usage = `Usage: npm run demo [-- --keep]

Plays one pipeline against the real broker, controller and sidecar on this machine; no cluster is needed, Kubernetes and
Tekton are embedded. Exit code 0 only if every step held. --keep leaves it running, with URLs and a curl to try.`

const values = readArguments()
if (values === undefined) {
  console.error(`The demo takes --keep and nothing else\n\n${usage}`)
  process.exit(2)
}
if (values.help) {
  console.log(usage)
  process.exit(0)
}

const startedAt = performance.now()
const tell = createNarrator((line) => console.log(line), process.stdout.isTTY === true && !process.env['NO_COLOR'])
let stage: Stage | undefined
try {
  tell.title('Tekton Token Broker: from a pod to a token, and back to nothing')
  stage = await setStage()
  const { addresses } = stage
  tell.line(`embedded Kubernetes API ${stage.kube.url}, broker ${addresses.token}, issuer ${addresses.issuer},`)
  tell.line(`protected API ${addresses.api}; broker, controller, sidecar and API are processes of their own.`)
  await tellStory(stage, tell)
  console.log(`\nAll of it held, in ${((performance.now() - startedAt) / 1000).toFixed(1)} s.`)
  if (values.keep) await keep(stage)
} catch (error) {
  process.exitCode = 1
  console.error(error instanceof DidNotHold ? `\nDid not hold: ${error.message}` : error)
  for (const { name, logFile } of stage?.processes ?? []) {
    console.error(`\n--- ${name}\n${readFileSync(logFile, 'utf8').split('\n').slice(-8).join('\n')}`)
  }
} finally {
  await stage?.end()
}

async function keep(running: Stage): Promise<void> {
  const { directory } = await leaveRunning(running)
  const { addresses, journal } = running
  const lines = thingsToTry(addresses, directory, journal)
  console.log(`\nA second run goes on. To try (Ctrl-C ends everything):\n  ${lines.join('\n  ')}`)
  await new Promise((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
}

function readArguments() {
  try {
    return parseArgs({ options: { keep: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } }).values
  } catch {
    return undefined
  }
}
