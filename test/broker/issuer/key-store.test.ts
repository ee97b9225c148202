import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type KeyRing, ringKeys } from '../../../broker/issuer/key-ring.ts'
import { openKeyStore } from '../../../broker/issuer/key-store.ts'
import { fastAlgorithms, later, start } from './issuer-fixture.ts'

const signal = AbortSignal.timeout(60_000)
const month = 30 * 86_400
let directory: string
let now: Date

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'keys-'))
  now = start
})

afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

function open() {
  return openKeyStore({ directory, clock: () => now, algorithms: fastAlgorithms }, signal)
}

const file = () => join(directory, 'signing-keys.json')

function kids(ring: KeyRing): readonly string[] {
  return [...ringKeys(ring, 'access'), ...ringKeys(ring, 'federation')].map((key) => key.kid)
}

describe('openKeyStore', () => {
  it('makes the keys at the first start, in a file that only its user can read', async () => {
    const store = await open()

    expect(kids(store.ring())).toHaveLength(6)
    expect((await stat(file())).mode & 0o777).toBe(0o600)
    expect(await readdir(directory)).toEqual(['signing-keys.json'])
  })

  it('makes the directory where there is none', async () => {
    directory = join(directory, 'a', 'b')

    await open()

    expect((await stat(directory)).mode & 0o777).toBe(0o700)
  })

  it('uses no key for both access tokens and assertions', async () => {
    const ring = (await open()).ring()

    const access = new Set(ringKeys(ring, 'access').map((key) => key.kid))
    expect(ringKeys(ring, 'federation').filter((key) => access.has(key.kid))).toEqual([])
  })

  it('has the same keys and times after a restart', async () => {
    const before = (await open()).ring()

    const again = (await open()).ring()

    expect(kids(again)).toEqual(kids(before))
    expect(again.access.ES256?.current.signsSince).toEqual(start)
  })

  it('adds keys for an algorithm that is new, and keeps the others', async () => {
    const before = kids((await open()).ring())

    const algorithms = { access: ['ES256', 'EdDSA'], federation: ['ES256', 'EdDSA'] } as const
    const store = await openKeyStore({ directory, clock: () => now, algorithms }, signal)

    expect(kids(store.ring())).toHaveLength(8)
    expect(kids(store.ring())).toEqual(expect.arrayContaining([...before]))
  })

  it.each([0o604, 0o644, 0o602, 0o601])('refuses a file with mode %o and says the mend', async (mode) => {
    await open()
    await chmod(file(), mode)

    await expect(open()).rejects.toMatchObject({
      name: 'KeyFileError',
      code: 'readable_by_others',
      message: expect.stringContaining(`has mode 0${mode.toString(8)}`),
    })
  })

  it('takes a file that its group may read, as a Secret with fsGroup is mounted', async () => {
    await open()
    await chmod(file(), 0o440)

    await expect(open()).resolves.toBeDefined()
  })

  it('refuses a directory in the place of the file', async () => {
    await mkdir(file(), { mode: 0o700 })

    await expect(open()).rejects.toMatchObject({ code: 'not_a_file' })
  })

  it('refuses a file beyond the size limit', async () => {
    await writeFile(file(), ' '.repeat(1024 * 1024 + 1), { mode: 0o600 })

    await expect(open()).rejects.toMatchObject({ code: 'too_large' })
  })

  it('refuses a directory that it cannot write', async () => {
    await writeFile(join(directory, 'occupied'), '')
    directory = join(directory, 'occupied')

    await expect(open()).rejects.toMatchObject({ code: 'unusable' })
  })

  it('never replaces content that it does not understand', async () => {
    await writeFile(file(), '{"version":2}', { mode: 0o600 })

    await expect(open()).rejects.toMatchObject({ name: 'KeyDocumentError' })
    expect(await readFile(file(), 'utf8')).toBe('{"version":2}')
  })

  it('overwrites the leftover of a write that was cut off', async () => {
    await writeFile(`${file()}.new`, 'half', { mode: 0o644 })

    await open()

    expect(await readdir(directory)).toEqual(['signing-keys.json'])
    expect((await stat(file())).mode & 0o777).toBe(0o600)
  })

  it('does nothing once the signal is aborted', async () => {
    const options = { directory, clock: () => now, algorithms: fastAlgorithms }

    await expect(openKeyStore(options, AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' })
    expect(await readdir(directory)).toEqual([])
  })

  it('refuses a rotation that is quicker than the publication', async () => {
    const timing = { rotationSeconds: 10, leadSeconds: 11, maxTokenLifeSeconds: 1 }

    await expect(openKeyStore({ directory, clock: () => now, timing }, signal)).rejects.toThrow(TypeError)
  })

  it('prints no private key', async () => {
    const store = await open()
    const stored = JSON.parse(await readFile(file(), 'utf8'))
    const secret: string = stored.access.ES256.current.privateJwk.d

    const printed = inspect(store.ring(), { depth: 10, showHidden: true }) + JSON.stringify(store.ring())

    expect(secret.length).toBeGreaterThan(40)
    expect(printed).not.toContain(secret)
  })
})

describe('rotateIfDue', () => {
  it('changes nothing before it is time', async () => {
    const store = await open()
    const ring = store.ring()
    now = later(month - 1)

    expect(await store.rotateIfDue(signal)).toBe('unchanged')
    expect(store.ring()).toBe(ring)
  })

  it('rotates every key set that is due, and stores it', async () => {
    const store = await open()
    const before = store.ring()
    now = later(month)

    expect(await store.rotateIfDue(signal)).toBe('rotated')

    expect(store.ring().access.ES256?.current.key.kid).toBe(before.access.ES256?.next.key.kid)
    expect(store.ring().federation.ES256?.current.key.kid).toBe(before.federation.ES256?.next.key.kid)
    expect(kids((await open()).ring())).toEqual(kids(store.ring()))
  })

  it('drops an old key when its last token has expired', async () => {
    const store = await open()
    const old = store.ring().access.ES256?.current.key.kid
    now = later(month)
    await store.rotateIfDue(signal)
    expect(kids(store.ring())).toContain(old)

    now = later(month + 86_400 + 600)

    expect(await store.rotateIfDue(signal)).toBe('rotated')
    expect(kids(store.ring())).not.toContain(old)
  })

  it('takes over keys that another writer stored', async () => {
    const store = await open()
    const other = await open()
    now = later(month)
    await other.rotateIfDue(signal)

    expect(await store.rotateIfDue(signal)).toBe('reloaded')
    expect(kids(store.ring())).toEqual(kids(other.ring()))
  })

  it('shares one run among concurrent callers', async () => {
    const store = await open()
    now = later(month)

    const results = await Promise.all([store.rotateIfDue(signal), store.rotateIfDue(signal)])

    expect(results).toEqual(['rotated', 'rotated'])
    expect(store.ring().access.ES256?.previous).toHaveLength(1)
  })

  it('goes on with the keys in memory when the file is gone, and says so', async () => {
    const store = await open()
    const ring = store.ring()
    await rm(file())

    await expect(store.rotateIfDue(signal)).rejects.toMatchObject({ code: 'missing' })
    expect(store.ring()).toBe(ring)
  })

  it('signs with no key that could not be stored', async () => {
    const store = await open()
    const ring = store.ring()
    now = later(month)
    await mkdir(`${file()}.new`)

    await expect(store.rotateIfDue(signal)).rejects.toMatchObject({ code: 'unusable' })
    expect(store.ring()).toBe(ring)

    await rm(`${file()}.new`, { recursive: true })
    expect(await store.rotateIfDue(signal)).toBe('rotated')
  })
})
