import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildBinaries } from './build.ts'
import { facts, kube } from './harness/cluster.ts'
import { explainOnFailure } from './harness/pods.ts'
import { waitFor } from './harness/wait.ts'
import { helm } from './product/helm.ts'
import { release, system } from './product/names.ts'

const root = join(import.meta.dirname, '../..')
const guide = 'docs/guides/first-steps.md'
/** Done otherwise here: images are built already, and there is no Ingress. */
const leftOut = ['1. Images', 'An API outside the cluster']

/** Where this cluster differs from a person's: tags of images, no registry, no StorageClass, no npm. */
const circumstances = String.raw`
set -euo pipefail
helm() {
  if [ "$1" != install ]; then command helm "$@"; return; fi
  command helm "$@" --set-string images.broker.tag=$BROKER_TAG,images.task.tag=$TASK_TAG \
    --set broker.persistence.kind=emptyDir
}
npx() { shift 2; node "$ROOT/custom-task/cli/main.ts" "$@"; }
`

interface Section {
  readonly title: string
  readonly script: string
}

/** The commands of the guide, by heading. */
async function sections(): Promise<readonly Section[]> {
  const text = await readFile(join(root, guide), 'utf8')
  return text
    .split(/^## /m)
    .slice(1)
    .map((part) => ({
      title: part.slice(0, part.indexOf('\n')),
      script: [...part.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block).join('\n'),
    }))
    .filter(({ title, script }) => script !== '' && !leftOut.includes(title))
}

/** A checkout as a person has it, with images that are here. */
async function checkout(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'first-steps-'))
  for (const folder of ['charts', 'tekton']) await cp(join(root, folder), join(directory, folder), { recursive: true })
  for (const file of await readdir(join(directory, 'tekton'), { recursive: true })) {
    if (!file.endsWith('.yaml')) continue
    const path = join(directory, 'tekton', file)
    await writeFile(path, localImages(await readFile(path, 'utf8')))
  }
  return directory
}

function localImages(text: string): string {
  const { images } = facts()
  return text.replaceAll(/curlimages\/curl:[\w.]+/g, images.curl).replaceAll(/busybox:[\w.]+/g, images.busybox)
}

let directory: string
let helmDirectory: string

beforeAll(async () => {
  directory = await checkout()
  helmDirectory = (await buildBinaries(['helm'])).helm.directory
  await helm(['uninstall', release, '--namespace', system, '--wait', '--ignore-not-found'])
  const client = await kube()
  const team = '/api/v1/namespaces/payments'
  // What another test left there is not the guide's.
  if ((await client.find(team)) !== undefined) await client.delete(team)
  await waitFor('the namespace is new', async () => (await client.find(team)) === undefined, { timeoutMs: 120_000 })
})

afterAll(async () => {
  // Others install it with a volume, into which it cannot be changed.
  await helm(['uninstall', release, '--namespace', system, '--wait', '--ignore-not-found'])
  await (await kube()).close()
})

/** Runs commands as a person types them. @returns everything that they print */
async function shell(script: string): Promise<string> {
  const { broker, task } = facts().images
  const tagOf = (image: string | null) => image?.split(':').at(-1) ?? ''
  const env = {
    PATH: [dirname(process.execPath), helmDirectory, process.env['PATH']].join(':'),
    HOME: directory,
    ROOT: root,
    KUBECONFIG: facts().kubeconfig,
    REGISTRY: broker?.slice(0, broker.lastIndexOf('/')) ?? '',
    BROKER_TAG: tagOf(broker),
    TASK_TAG: tagOf(task),
  }
  return await new Promise((resolve, reject) => {
    execFile('bash', ['-c', circumstances + localImages(script)], { cwd: directory, env }, (error, out, notes) =>
      error === null ? resolve(out) : reject(new Error(`${error.message}\n${out}\n${notes}`)),
    )
  })
}

/** What each section has to show. */
const shown: Readonly<Record<string, readonly RegExp[]>> = {
  '2. Install': [/\d+ ok, \d+ to look at, 0 wrong\./, /builtin/],
  '3. A team': [/^yes$/m],
  '4. One line of YAML': [/taskrun\S*\/first condition met/, /"scope":"deploy:staging"/, /"task_run":"first"/],
  '5. In a pipeline': [/release-\S+-token\s+True\s+Authorized/],
  '6. See what happened': [/granted/, /authorized/, /head/],
  '7. Break it': [/grant verb exchange on the tokenscopes by a Role and RoleBinding/],
}

describe.runIf(facts().pki !== null)(guide, async () => {
  const all = await sections()

  test('has the sections that are run here', () => {
    expect(all.map(({ title }) => title)).toEqual(Object.keys(shown))
  })

  let isGoing = true
  test.each(all.map(({ title, script }) => [title, script] as const))('%s', async (title, script) => {
    expect(isGoing, 'what comes before worked').toBe(true)
    isGoing = false
    explainOnFailure('payments')
    const printed = await shell(script)

    for (const pattern of shown[title] ?? []) expect(printed).toMatch(pattern)
    isGoing = true
  })
})
