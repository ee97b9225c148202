import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Secret } from '../../../core/secret.ts'
import { openTokenDirectory, TokenDirectoryError } from '../../../custom-task/sidecar/token-directory.ts'
import { errorFiles, type FileSet, tokenFiles } from '../../../custom-task/sidecar/token-files.ts'

let root: string
let umask: number

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'token-directory-'))
  umask = process.umask(0o077)
})

afterEach(async () => {
  process.umask(umask)
  await rm(root, { recursive: true, force: true })
})

function files(n: number): FileSet {
  const expiresAt = new Date(1_767_225_600_000 + n * 1000)
  const made = tokenFiles({ accessToken: new Secret(`token-${n}`), issued: 'bearer', expiresAt, scope: [] })
  return made.kind === 'files' ? made.files : {}
}

async function mode(path: string): Promise<string> {
  return ((await stat(join(root, path))).mode & 0o777).toString(8)
}

describe('openTokenDirectory', () => {
  it('writes token, header and expires-at, readable for any user whatever the umask is', async () => {
    const directory = await openTokenDirectory(root, ['deploy'])
    await directory.publish('deploy', files(1))
    await directory.writeKey(new Secret('the-key'))

    expect(await readFile(join(root, 'deploy/token'), 'utf8')).toBe('token-1')
    expect(await readFile(join(root, 'deploy/header'), 'utf8')).toBe('Authorization: Bearer token-1')
    expect(await readFile(join(root, 'deploy/expires-at'), 'utf8')).toBe('2026-01-01T00:00:01Z')
    expect(await readFile(join(root, 'key'), 'utf8')).toBe('the-key')
    for (const file of ['deploy/token', 'deploy/header', 'deploy/expires-at', 'key'])
      expect(await mode(file)).toBe('444')
    expect(await mode('deploy')).toBe('755')
    expect(await mode('deploy/..data')).toBe('555')
  })

  it("has the layout of the kubelet's volumes, by relative links that hold in any mount", async () => {
    const directory = await openTokenDirectory(root, ['deploy'])
    await directory.publish('deploy', files(1))

    expect(await readlink(join(root, 'deploy/token'))).toBe('..data/token')
    expect(await readlink(join(root, 'deploy/..data'))).toBe('..v1')
  })

  it('never shows a mix of two versions to a reader', async () => {
    const directory = await openTokenDirectory(root, ['deploy'])
    await directory.publish('deploy', files(0))
    let isWriting = true
    let reads = 0

    async function readLoop(): Promise<void> {
      const seen = new Set<string>()
      while (isWriting || seen.size < 2) {
        const version = await realpath(join(root, 'deploy/..data'))
        const read = (name: string) => readFile(join(version, name), 'utf8')
        const all = await Promise.all([read('token'), read('header'), read('expires-at')]).catch(() => undefined)
        // The version that was resolved may be gone only when two newer ones have come since.
        if (all === undefined) continue
        const n = Number(all[0].slice('token-'.length))
        expect(all).toEqual(Object.values(files(n)))
        seen.add(all[0])
        reads += 1
      }
    }

    async function writeLoop(): Promise<void> {
      for (let n = 1; n <= 200; n += 1) await directory.publish('deploy', files(n))
      isWriting = false
    }

    await Promise.all([readLoop(), readLoop(), writeLoop()])
    expect(reads).toBeGreaterThan(2)
  })

  it('never lacks a file while it is replaced', async () => {
    const directory = await openTokenDirectory(root, ['deploy'])
    await directory.publish('deploy', files(0))
    let isWriting = true

    async function readLoop(): Promise<void> {
      while (isWriting) expect(await readFile(join(root, 'deploy/token'), 'utf8')).toMatch(/^token-\d+$/)
    }

    async function writeLoop(): Promise<void> {
      for (let n = 1; n <= 200; n += 1) await directory.publish('deploy', files(n))
      isWriting = false
    }

    await Promise.all([readLoop(), writeLoop()])
  })

  it('keeps one version back and no more', async () => {
    const directory = await openTokenDirectory(root, ['deploy'])
    for (let n = 1; n <= 5; n += 1) await directory.publish('deploy', files(n))

    expect((await readdir(join(root, 'deploy'))).sort()).toEqual([
      '..data',
      '..v4',
      '..v5',
      'expires-at',
      'header',
      'token',
    ])
  })

  it('puts the error in the place of the token, and back', async () => {
    const directory = await openTokenDirectory(root, ['deploy'])
    await directory.publish('deploy', errorFiles('Mend the policy'))
    expect((await readdir(join(root, 'deploy'))).filter((name) => !name.startsWith('..'))).toEqual(['error'])
    expect(await readFile(join(root, 'deploy/error'), 'utf8')).toBe('Mend the policy\n')

    await directory.publish('deploy', files(1))
    expect((await readdir(join(root, 'deploy'))).filter((name) => !name.startsWith('..')).sort()).toEqual([
      'expires-at',
      'header',
      'token',
    ])
  })

  it('leaves the old files when new ones cannot be written, and goes on afterwards', async () => {
    const directory = await openTokenDirectory(root, ['deploy'])
    await directory.publish('deploy', files(1))
    await expect(directory.publish('deploy', { 'no/such/name': 'x' })).rejects.toThrow(/ENOENT/)
    expect(await readFile(join(root, 'deploy/token'), 'utf8')).toBe('token-1')

    await directory.publish('deploy', files(2))
    expect(await readFile(join(root, 'deploy/token'), 'utf8')).toBe('token-2')
  })

  it('removes what an earlier start left, and nothing that is not its own', async () => {
    const first = await openTokenDirectory(root, ['deploy'])
    await first.publish('deploy', files(1))
    await first.writeKey(new Secret('old'))
    await writeFile(join(root, 'somebody-elses'), 'x')
    await chmod(join(root, 'deploy/..data'), 0o555)

    await openTokenDirectory(root, ['deploy'])
    expect(await readdir(root)).toEqual(['somebody-elses'])
  })

  it('removes a link in the place of a policy, and not what it points at', async () => {
    const elsewhere = join(root, 'elsewhere')
    await mkdir(elsewhere, { mode: 0o755 })
    await writeFile(join(elsewhere, 'precious'), 'x')
    await symlink(elsewhere, join(root, 'deploy'))
    const directory = await openTokenDirectory(root, ['deploy'])
    await directory.publish('deploy', files(1))

    expect((await lstat(join(root, 'deploy'))).isDirectory()).toBe(true)
    expect(await readdir(elsewhere)).toEqual(['precious'])
  })

  it('follows no link that took the place of its directory, and makes up for one that is gone', async () => {
    const elsewhere = join(root, 'elsewhere')
    await mkdir(elsewhere, { mode: 0o700 })
    const directory = await openTokenDirectory(root, ['deploy'])
    await directory.publish('deploy', files(1))

    await rm(join(root, 'deploy'), { recursive: true })
    await symlink(elsewhere, join(root, 'deploy'))
    await directory.publish('deploy', files(2))
    expect(await readFile(join(root, 'deploy/token'), 'utf8')).toBe('token-2')
    expect([await readdir(elsewhere), await mode('elsewhere')]).toEqual([[], '700'])

    await rm(join(root, 'deploy'), { recursive: true })
    await directory.publish('deploy', files(3))
    expect(await readFile(join(root, 'deploy/token'), 'utf8')).toBe('token-3')
  })

  it('clears everything', async () => {
    const directory = await openTokenDirectory(root, ['deploy', 'api'])
    await directory.publish('deploy', files(1))
    await directory.publish('api', files(2))
    await directory.writeKey(new Secret('key'))
    await directory.clear()

    expect(await readdir(root)).toEqual([])
  })

  it('refuses a symbolic link, a file and a directory that is missing, and says the mend', async () => {
    const link = join(root, 'link')
    await symlink(root, link)
    const file = join(root, 'file')
    await writeFile(file, '')

    await expect(openTokenDirectory(link, [])).rejects.toThrow(TokenDirectoryError)
    await expect(openTokenDirectory(file, [])).rejects.toThrow(/symbolic links are not followed/)
    await expect(openTokenDirectory(join(root, 'none'), [])).rejects.toThrow(/mount an emptyDir with medium Memory/)
  })
})
