import { lstat, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Check, Seen } from '../check.ts'
import { ask, json, type Subject } from '../subject.ts'

const b64token = /^[A-Za-z0-9\-._~+/]+=*$/

/** Clauses of chapter 1: what a step finds in its directory. */
export const files: readonly Check[] = [
  {
    clause: '1.1',
    title: 'the directory is a directory and no symbolic link',
    run: async ({ directory }) => ((await lstat(directory)).isDirectory() ? undefined : 'it is something else'),
  },
  {
    clause: '1.2',
    title: 'token holds a b64token and nothing else',
    run: async (subject) => (b64token.test(await read(subject, 'token')) ? undefined : 'it holds something else'),
  },
  {
    clause: '1.3',
    title: 'header holds one header field and nothing else',
    async run(subject) {
      const [header, before, after] = [
        await read(subject, 'header'),
        await read(subject, 'token'),
        await read(subject, 'token'),
      ]
      const isField = [before, after].some((token) => header === `Authorization: Bearer ${token}`)
      return isField ? undefined : 'it is not "Authorization: Bearer " and the token'
    },
  },
  {
    clause: '1.4',
    title: 'expires-at is a time to come, RFC 3339',
    async run(subject) {
      const text = await read(subject, 'expires-at')
      if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/.test(text)) return 'it is no RFC 3339 time'
      return new Date(text).getTime() > Date.now() ? undefined : 'it is past'
    },
  },
  {
    clause: '1.5',
    title: 'token, header, expires-at and key are read by every user and written by none',
    run: async (subject) => firstOf(await Promise.all(paths(subject).map((path) => modeProblem(path)))),
  },
  {
    clause: '1.6',
    title: 'key is one line of at least 128 bits',
    run: async ({ directory }) =>
      /^[\x21-\x7e]{22,}$/.test(await readFile(join(directory, 'key'), 'utf8'))
        ? undefined
        : 'it is shorter, or not one word',
  },
  {
    clause: '1.7',
    title: 'files of one version are found together behind ..data',
    run: together,
  },
  {
    clause: '1.8',
    title: 'the token in the file is the token over HTTP',
    async run(subject) {
      const before = await read(subject, 'token')
      const { access_token: token } = json(await ask(subject))
      return token === before || token === (await read(subject, 'token')) ? undefined : 'they differ'
    },
  },
]

async function together({ directory, policy }: Subject): Promise<Seen> {
  const place = join(directory, policy)
  if (!(await lstat(join(place, '..data'))).isSymbolicLink()) return '..data is no symbolic link'
  const version = join(place, '..data')
  const [token, header] = [
    await readFile(join(version, 'token'), 'utf8'),
    await readFile(join(version, 'header'), 'utf8'),
  ]
  return header.endsWith(token) ? undefined : 'token and header behind it do not belong together'
}

async function read({ directory, policy }: Subject, file: string): Promise<string> {
  return await readFile(join(directory, policy, file), 'utf8')
}

function paths({ directory, policy }: Subject): readonly string[] {
  return [join(directory, 'key'), ...['token', 'header', 'expires-at'].map((file) => join(directory, policy, file))]
}

async function modeProblem(path: string): Promise<Seen> {
  const mode = (await stat(path)).mode & 0o777
  return mode === 0o444 ? undefined : `${path.slice(path.lastIndexOf('/') + 1)} has mode ${mode.toString(8)}`
}

function firstOf(all: readonly Seen[]): Seen {
  return all.find((one) => one !== undefined)
}
