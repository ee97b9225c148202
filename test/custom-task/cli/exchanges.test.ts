import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { changedEntry } from '../../../broker/access-records.ts'
import { commandLine, temporaryDirectory } from './command-line.ts'
import { denied, edit, granted, journalOf, started } from './journal-directory.ts'

async function listed(directory: string, ...args: readonly string[]): Promise<readonly string[]> {
  const { code, out, notes } = await commandLine(['exchanges', '--journal', directory, ...args])
  expect([code, notes]).toEqual([0, ''])
  return out.trimEnd().split('\n')
}

describe('exchanges', () => {
  it('prints a table, oldest first', async () => {
    const { directory } = await journalOf([started, granted, denied])

    expect(await listed(directory)).toEqual([
      'TIME                       EVENT     REASON        SUBJECT               SERVICEACCOUNT   POLICY           SCOPE',
      '2026-03-01T12:00:00.000Z   started   started       tokenbroker           -                -                -',
      '2026-03-01T12:00:00.000Z   granted   granted       payments/release-7    deployer         deploy-staging   deploy:staging read',
      '2026-03-01T12:00:00.000Z   denied    rbac_denied   billing/rollout-pod   deployer         -                deploy:production',
    ])
  })

  it('names what no namespace has by its kind, and a provider in no column of policies', async () => {
    const added = { namespace: '*', uid: 'u', generation: 1, digest: '', provider: 'builtin', cluster: 'main' } as const
    const { directory } = await journalOf(
      (['ClusterTokenProvider', 'ClusterTokenPolicy'] as const).map((kind) =>
        changedEntry({ ...added, kind, name: 'builtin' }, 'policy_added', granted.time),
      ),
    )

    const columns = (await listed(directory, '--no-headers')).map((line) => line.split(/ {3,}/).slice(2, 6))

    expect(columns).toEqual([
      ['policy_added', 'ClusterTokenProvider/builtin', '-', '-'],
      ['policy_added', 'ClusterTokenPolicy/builtin', '-', 'builtin'],
    ])
  })

  it('adds audience, expiry, exchange and the detail of a refusal with -o wide', async () => {
    const { directory } = await journalOf([granted, denied])

    const [headers, first, second] = await listed(directory, '-o', 'wide')

    expect(headers).toMatch(/SCOPE {17}AUDIENCE {21}EXPIRES {16}EXCHANGE {5}DETAIL$/)
    expect(first).toMatch(/ {3}https:\/\/deploy\.example\.com {3}2026-03-01T12:05:00Z {3}exchange-1 {3}-$/)
    expect(second).toMatch(
      / {3}https:\/\/deploy\.example\.com {3}- {22}exchange-2 {3}deploy: rbac: deployer may not exchange it$/,
    )
  })

  it('prints whole records with -o json, one a line', async () => {
    const { directory } = await journalOf([started, granted])

    const records = (await listed(directory, '-o', 'json')).map((line) => JSON.parse(line))

    expect(records).toHaveLength(2)
    expect(records[1]).toMatchObject({ ...granted, time: granted.time.toISOString() })
  })

  it.each<[readonly string[], readonly string[]]>([
    [['-n', 'payments'], ['granted']],
    [['-n', 'pay'], []],
    [['--namespace', 'billing'], ['rbac_denied']],
    [['--run', 'release-7'], ['granted']],
    [['--run', 'release-7-deploy'], ['granted']],
    [['--run', 'rollout'], ['rbac_denied']],
    [['--outcome', 'denied'], ['rbac_denied']],
    [['--outcome', 'info'], ['started']],
    [['--outcome', 'granted', '-n', 'billing'], []],
    [['exchange-1'], ['granted']],
    [['exchange-2', '-n', 'billing'], ['rbac_denied']],
  ])('shows with %j only what matches', async (filter, reasons) => {
    const { directory } = await journalOf([started, granted, denied])

    const { code, out, notes } = await commandLine(['exchanges', '--journal', directory, '-o', 'json', ...filter])

    const found = out.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line).data.reason]))
    expect(found).toEqual(reasons)
    expect([code, notes]).toEqual([0, reasons.length === 0 ? 'No records found.\n' : ''])
  })

  it.each([[['exchange-3']], [['exchange-1', '-n', 'billing']], [['exchange']]])(
    'fails with the mend where no record is of the exchange: %j',
    async (filter) => {
      const { directory } = await journalOf([started, granted, denied])

      expect(await commandLine(['exchanges', '--journal', directory, ...filter])).toEqual({
        code: 1,
        out: '',
        notes:
          'No record has this exchange id and matches the other options: copy the journal anew, and check the id.\n',
      })
    },
  )

  it('leaves out the names of columns with --no-headers', async () => {
    const { directory } = await journalOf([granted])

    const lines = await listed(directory, '--no-headers')

    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^2026-03-01T12:00:00\.000Z {3}granted {3}granted {3}payments/)
  })

  it('says on standard error that there is nothing, and prints no names of columns', async () => {
    const { directory } = await journalOf([started])

    expect(await commandLine(['exchanges', '--journal', directory, '-n', 'nobody'])).toEqual({
      code: 0,
      out: '',
      notes: 'No records found.\n',
    })
  })

  it('shows what it can of a damaged journal, and says what it could not', async () => {
    const { directory } = await journalOf([started, granted, denied])
    await edit(directory, (text) => `no record\n${text}half a li`)

    const { code, out, notes } = await commandLine(['exchanges', '--journal', directory, '--no-headers'])

    expect(code).toBe(0)
    expect(out.trimEnd().split('\n')).toHaveLength(3)
    expect(notes).toBe(`Damaged lines that are not shown: 1. See: tokenbroker audit verify ${directory}\n`)
  })

  it('lets no record speak to the terminal, and takes what is not of its type as absent', async () => {
    const { directory } = await journalOf([granted])
    await edit(directory, (text) =>
      text
        .replace('"payments/release-7"', '"payments/\\u001b[2Jgone\\n\\u202ex"')
        .replace('"service_account":"deployer"', '"service_account":7')
        .replace('"reason":"granted"', '"reason":null')
        .replace('"token":{', '"token":{"scope":{"a":1},"x":{'),
    )
    await edit(directory, (text) => text.replace('"token":{"scope":{"a":1},"x":{', '"token":{"scope":{"a":1},"y":"",'))

    const [line] = await listed(directory, '--no-headers')

    expect(line).toContain('payments/?[2Jgone??x')
    expect(line).toMatch(/granted {3}- {3}payments\S+ {3}- {3}/)
  })

  it('ends at once when nobody reads any more', async () => {
    const { directory } = await journalOf([started, granted, denied])
    const lines: string[] = []
    const out = (line: string) => lines.push(line) < 2

    for (const format of ['json', 'table']) {
      lines.length = 0
      expect((await commandLine(['exchanges', '--journal', directory, '-o', format], { out })).code).toBe(0)
      expect(lines).toHaveLength(2)
    }
  })

  it('can be interrupted in the midst of a journal', async () => {
    const { directory } = await journalOf([started, granted, denied], { limits: { segmentBytes: 1 } })
    const stop = new AbortController()
    const out = () => {
      stop.abort()
      return true
    }

    const ran = await commandLine(['exchanges', '--journal', directory, '-o', 'json'], { out, signal: stop.signal })

    expect(ran).toMatchObject({ code: 130, notes: 'Interrupted.\n' })
  })

  it('names the directory when it cannot be read', async () => {
    const file = join(await temporaryDirectory(), 'file')
    await writeFile(file, '')

    expect((await commandLine(['exchanges', '--journal', file])).notes).toBe(
      `${file} is no directory: name the directory of the journal, or a copy of it.\n`,
    )
  })
})
