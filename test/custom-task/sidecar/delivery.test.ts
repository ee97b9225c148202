import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Secret } from '../../../core/secret.ts'
import type { NotGranted } from '../../../custom-task/broker-client-answer.ts'
import { createDelivery, type Delivery } from '../../../custom-task/sidecar/delivery.ts'
import type { CachedToken } from '../../../custom-task/sidecar/token-cache.ts'
import { openTokenDirectory } from '../../../custom-task/sidecar/token-directory.ts'
import { createManualTime, type ManualTime } from './manual-time.ts'

const refusal: NotGranted = {
  kind: 'refused',
  error: 'access_denied',
  description: 'Mend it',
  status: 400,
  exchangeId: 'e-2',
}

let root: string
let time: ManualTime
let logged: [string, object, string][]
let delivery: Delivery

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'delivery-'))
  time = createManualTime()
  logged = []
  const log = (level: string) => (fields: object, message: string) => void logged.push([level, fields, message])
  delivery = createDelivery({
    directory: await openTokenDirectory(root, ['api']),
    policy: 'deploy',
    name: 'api',
    isOptional: false,
    clock: time.clock,
    log: { info: log('info'), warn: log('warn'), error: log('error') } as never,
  })
})

afterEach(() => rm(root, { recursive: true, force: true }))

function token(text = 'token-1'): CachedToken {
  const now = time.clock().getTime()
  return {
    kind: 'granted',
    accessToken: new Secret(text),
    issued: 'bearer',
    obtainedAt: new Date(now),
    renewAt: new Date(now + 150_000),
    expiresAt: new Date(now + 300_000),
    scope: [],
    exchangeId: 'e-1',
  }
}

function read(name: string): Promise<string> {
  return readFile(join(root, 'api', name), 'utf8')
}

describe('createDelivery', () => {
  it('is waiting before anything has happened', () => {
    expect(delivery.report()).toMatchObject({ policy: 'deploy', name: 'api', status: 'waiting', message: undefined })
  })

  it('leaves a valid token where it is when its renewal fails', async () => {
    await delivery.granted(token())
    time.advance(299_999)
    await delivery.failed(refusal)

    expect(await read('token')).toBe('token-1')
    expect(delivery.report()).toMatchObject({ status: 'ready', exchangeId: 'e-1' })
    expect(logged.at(-1)).toMatchObject(['warn', { outcome: 'refused', has_valid_token: true }, 'token not obtained'])
  })

  it('replaces it by the reason at its end', async () => {
    await delivery.granted(token())
    time.advance(300_000)
    await delivery.failed(refusal)

    expect(await read('error')).toBe('Mend it (exchange e-2)\n')
    await expect(read('token')).rejects.toThrow(/ENOENT/)
    expect(delivery.report()).toMatchObject({ status: 'refused', message: 'Mend it', exchangeId: 'e-2' })
  })

  it('writes what it is told in that order, however quickly it comes', async () => {
    await Promise.all(Array.from({ length: 20 }, (_, n) => delivery.granted(token(`token-${n}`))))

    expect(await read('token')).toBe('token-19')
  })

  it('is not ready when the files cannot be written, and is when they can be again', async () => {
    await writeFile(join(root, 'api'), 'in the way')
    await delivery.granted(token())
    expect(delivery.report()).toMatchObject({ status: 'unavailable', message: 'The token directory cannot be written' })
    expect(logged.at(-1)).toMatchObject(['error', { directory: `${root}/api` }, 'token files not written'])

    await rm(join(root, 'api'))
    await delivery.granted(token())
    expect(delivery.report()).toMatchObject({ status: 'ready' })
  })

  it('writes nothing after it was stopped', async () => {
    await delivery.stop()
    await delivery.granted(token())
    await delivery.failed(refusal)

    expect(await readdir(root)).toEqual([])
  })
})
