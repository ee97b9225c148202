import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createSenderSecrets } from '../../../broker/interceptor/sender-secrets.ts'

const clock = () => new Date('2026-03-01T12:00:00.000Z')
const onError = () => undefined

async function secretsOf(files: Readonly<Record<string, string>>, isStandard = false) {
  const directory = await mkdtemp(join(tmpdir(), 'secrets-'))
  onTestFinished(async () => await rm(directory, { recursive: true, force: true }))
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(directory, name), text)))
  return createSenderSecrets(directory, { isStandard, clock, onError })
}

describe('createSenderSecrets', () => {
  it('takes every file but hidden ones, without the newline at the end', async () => {
    const secrets = await secretsOf({
      a: 'the first secret\n',
      b: 'the second one\r\n',
      c: 'the third one\n\n',
      '..data': '',
    })
    const found = await secrets.current().catch((error: Error) => error.message)
    // The second is too short once its newline is gone.
    expect(found).toMatch(/\/b holds 14 characters: a secret has 16 to 1024/)
    const good = await secretsOf({ a: 'the first secret\n', b: 'the second secret\r\n', '..data': '' })
    expect((await good.current()).map((secret) => secret.length)).toEqual([16, 17])
  })

  it.each([
    ['no file', {}, /holds 0 files: put 1 to 4 secrets/],
    ['five files', Object.fromEntries([1, 2, 3, 4, 5].map((n) => [`s${n}`, 'a secret of sixteen'])), /holds 5 files/],
    ['an empty secret', { a: '\n' }, /holds 0 characters/],
    ['a long one', { a: 'x'.repeat(1025) }, /holds 1025 characters/],
  ])('does not take %s', async (_name, files, message) => {
    await expect((await secretsOf(files)).current()).rejects.toThrow(message)
  })

  it('does not take a text for a key of Standard Webhooks, which would decode to next to nothing', async () => {
    const key = Buffer.alloc(32, 7).toString('base64')
    for (const text of ['!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!', 'whsec_c2hvcnQga2V5IGhlcmU=']) {
      await expect((await secretsOf({ a: text }, true)).current()).rejects.toThrow(/no key of Standard Webhooks/)
    }
    expect(await (await secretsOf({ a: `whsec_${key}` }, true)).current()).toHaveLength(1)
  })

  it('says which directory is missing, and no secret', async () => {
    const secrets = createSenderSecrets('/nonexistent/acme', { isStandard: false, clock, onError })
    await expect(secrets.current()).rejects.toThrow('/nonexistent/acme cannot be read: mount the Secret of the sender')
  })
})
