import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { buildBinaries } from '../build.ts'
import { buildImages } from '../images.ts'
import { importImage } from './containerd.ts'
import type { ClusterFacts } from './facts.ts'
import { entryFile } from './namespaces.ts'
import { factsFile, state } from './places.ts'
import { namesOf } from './prepare.ts'

/** The way into a running rig. */
export interface RunningCluster {
  /** First process inside, as this machine numbers it. */
  readonly pid: number
  /** Whether it stays until somebody ends it; otherwise it belongs to one test run. */
  readonly forPeople: boolean
}

/** The rig that is running and ready, if there is one. */
export async function runningCluster(): Promise<RunningCluster | undefined> {
  try {
    await readFile(factsFile)
    return JSON.parse(await readFile(entryFile, 'utf8')) as RunningCluster
  } catch {
    return undefined
  }
}

/** The command line that runs a command inside; it wants `insideEnvironment`. */
export function enterCommand(running: RunningCluster, command: readonly string[]): readonly string[] {
  const enter = ['nsenter', '-t', String(running.pid), '-n', '-m', '-p', `--wd=${process.cwd()}`]
  return [...enter, ...command]
}

/** Brings the running rig's product images to the state of the repository. */
export async function importIntoRunning(): Promise<void> {
  const { tekton } = await buildBinaries(['tekton'])
  const images = await buildImages(tekton)
  for (const image of Object.values(images.product))
    await importImage(join(state, 'containerd', 'containerd.sock'), image)
  const facts = JSON.parse(await readFile(factsFile, 'utf8')) as ClusterFacts
  await writeFile(factsFile, JSON.stringify({ ...facts, images: namesOf(images) }, undefined, 2))
}
