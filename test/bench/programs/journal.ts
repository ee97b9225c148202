import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { Journal } from '../../../broker/audit/journal.ts'
import { openJournal } from '../../../broker/audit/journal.ts'
import { createMemoryJournal } from '../../../broker/audit/memory-journal.ts'
import type { AuditEntry } from '../../../core/audit/event.ts'
import { createUuidV7 } from '../../../core/io/uuid.ts'

/**
 * Appends to the embedded journal and to the one in memory, with 1, 16 and 64 callers that wait for each receipt. Writes
 * one line of JSON: {@link JournalFigures}.
 *
 * Arguments: seconds for each case; a directory on the disk to measure, by default the one for temporary files.
 */
const [seconds = '2', parent = tmpdir()] = process.argv.slice(2)

export interface JournalFigure {
  readonly callers: number
  readonly recordsPerSecond: number
  readonly recordsPerCpuSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface JournalFigures {
  readonly durable: readonly JournalFigure[]
  readonly memory: readonly JournalFigure[]
}

const clock = () => new Date()
const never = new AbortController().signal
const uid = createUuidV7(clock)

function grantedEntry(): AuditEntry {
  const exchange_id = uid()
  const target = { audience: 'https://deploy.example.com', scope: ['deploy:staging'] }
  return {
    type: 'dev.tokenbroker.exchange.granted.v1',
    subject: 'payments/release-7xk2p',
    time: clock(),
    data: {
      outcome: 'granted',
      reason: 'granted',
      exchange_id,
      subject: {
        cluster: 'main',
        namespace: 'payments',
        service_account: 'deployer',
        service_account_uid: '4b3ecbd9-9b2a-4d2f-a1fb-5f4c6c7f0a11',
        pod: 'release-7xk2p-deploy-pod',
        pod_uid: '0b1f5a0e-5d2b-4a0a-8a5e-2c9d7f1b3e42',
        node: 'node-1',
        credential_id: '7c9e6679-7425-40de-944b-e07fc1f90ae7',
      },
      run: {
        assurance: 'claimed',
        pipeline: 'release',
        pipeline_run: 'release-7xk2p',
        pipeline_run_uid: '5f0c1d2e-3b4a-4c5d-8e6f-7a8b9c0d1e2f',
        task: 'deploy',
        task_run: 'release-7xk2p-deploy',
        task_run_uid: '6a1b2c3d-4e5f-4a6b-9c7d-8e9f0a1b2c3d',
      },
      request: {
        door: 'token',
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        policy: 'deploy-staging',
      },
      policy: {
        name: 'deploy-staging',
        namespace: 'payments',
        uid: '1d2e3f4a-5b6c-4d7e-8f9a-0b1c2d3e4f5a',
        generation: 1,
        provider: 'builtin',
        provider_generation: 1,
        rbac: [{ resource_name: 'builtin:deploy:staging', is_allowed: true }],
      },
      token: {
        ...target,
        jti: exchange_id,
        issuer: 'https://tokenbroker.example.com',
        issued_at: '2026-08-18T10:00:00Z',
        expires_at: '2026-08-18T10:05:00Z',
      },
      revocation_check: 'token-review',
      duration_ms: 3,
    },
  }
}

async function measure(journal: Journal, callers: number): Promise<JournalFigure> {
  const latencies: number[] = []
  const cpuBefore = process.cpuUsage()
  const startedMs = performance.now()
  const endMs = startedMs + Number(seconds) * 1000
  async function call(): Promise<void> {
    for (let fromMs = performance.now(); fromMs < endMs; ) {
      await journal.append(grantedEntry())
      const doneMs = performance.now()
      latencies.push(doneMs - fromMs)
      fromMs = doneMs
    }
  }
  await Promise.all(Array.from({ length: callers }, call))
  const elapsedMs = performance.now() - startedMs
  const { user, system } = process.cpuUsage(cpuBefore)
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.floor(latencies.length * share)] ?? 0
  return {
    callers,
    recordsPerSecond: (latencies.length / elapsedMs) * 1000,
    recordsPerCpuSecond: latencies.length / ((user + system) / 1e6),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
  }
}

async function measureAll(journal: Journal): Promise<readonly JournalFigure[]> {
  const figures: JournalFigure[] = []
  for (const callers of [1, 16, 64]) figures.push(await measure(journal, callers))
  return figures
}

const directory = await mkdtemp(join(parent, 'tokenbroker-bench-'))
const log = pino({ level: 'silent' })
const options = { source: '/tokenbroker/bench', broker: { name: 'bench', version: '0.1.0' }, clock, newId: uid, log }
const journal = await openJournal({ ...options, directory }, never)
const memory = createMemoryJournal(options)
try {
  const figures: JournalFigures = { durable: await measureAll(journal), memory: await measureAll(memory) }
  process.stdout.write(`${JSON.stringify(figures)}\n`)
} finally {
  await journal.close(never)
  await memory.close(never)
  await rm(directory, { recursive: true, force: true })
}
