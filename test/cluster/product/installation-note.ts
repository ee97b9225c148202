import { createHash } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ClusterFacts } from '../rig/facts.ts'

/** What was installed last, and the pods that came of it. */
export interface InstallationNote {
  /** Of the values. */
  readonly key: string
  /** UID and restarts of each pod: another one, or one that was killed, makes another installation. */
  readonly pods: readonly string[]
}

export function keyOfValues(values: object): string {
  return createHash('sha256').update(JSON.stringify(values)).digest('hex')
}

export async function noteInstallation({ logs }: ClusterFacts, note: InstallationNote): Promise<void> {
  await writeFile(fileIn(logs), JSON.stringify(note))
}

/** @returns undefined where nothing was installed in this run of the tests */
export async function lastInstallation({ logs }: ClusterFacts): Promise<InstallationNote | undefined> {
  const text = await readFile(fileIn(logs), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : (JSON.parse(text) as InstallationNote)
}

/** For the start of a run: images may be new under their old names, and charts under any. */
export async function forgetInstallation({ logs }: ClusterFacts): Promise<void> {
  await rm(fileIn(logs), { force: true })
}

function fileIn(logs: string): string {
  return join(logs, 'installation.json')
}
