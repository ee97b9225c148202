import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { createLog } from '../../../core/io/log.ts'
import { createShutdown } from '../../../core/io/shutdown.ts'

function scene(graceMs = 60_000) {
  const exited = Promise.withResolvers<number>()
  const codes: number[] = []
  const host = Object.assign(new EventEmitter(), {
    exit(code: number) {
      codes.push(code)
      exited.resolve(code)
    },
  })
  const lines: string[] = []
  const log = createLog({ name: 'test', destination: { write: (line) => void lines.push(line) } })
  const shutdown = createShutdown({ host, log, graceMs })
  return { shutdown, host, codes, lines, exited: exited.promise }
}

describe('createShutdown', () => {
  it.each(['SIGTERM', 'SIGINT'])('closes one step after the other on %s, and exits with 0', async (name) => {
    const { shutdown, host, exited } = scene()
    const steps: string[] = []
    for (const step of ['server', 'queue', 'audit']) {
      shutdown.onShutdown(step, async () => {
        steps.push(`${step} begins`)
        await new Promise((resolve) => setImmediate(resolve))
        steps.push(`${step} ends`)
      })
    }
    expect(shutdown.signal.aborted).toBe(false)

    host.emit(name)

    expect(shutdown.signal.aborted).toBe(true)
    expect(await exited).toBe(0)
    expect(steps).toEqual(['server', 'queue', 'audit'].flatMap((step) => [`${step} begins`, `${step} ends`]))
  })

  it('goes on behind a step that fails, and exits with 1', async () => {
    const { shutdown, host, exited, lines } = scene()
    let isFlushed = false
    shutdown.onShutdown('server', () => Promise.reject(new Error('no')))
    shutdown.onShutdown('audit', async () => {
      isFlushed = true
    })

    host.emit('SIGTERM')

    expect(await exited).toBe(1)
    expect(isFlushed).toBe(true)
    expect(lines.join('')).toContain('"step":"server"')
  })

  it('aborts the deadline when the grace period is over, still begins every step, and exits with 1', async () => {
    const { shutdown, host, exited } = scene(1)
    const reasons: unknown[] = []
    let isFlushed = false
    shutdown.onShutdown('server', (deadline) => {
      deadline.addEventListener('abort', () => reasons.push(deadline.reason.name))
      return new Promise(() => undefined)
    })
    shutdown.onShutdown('audit', async () => {
      isFlushed = true
    })

    host.emit('SIGTERM')

    expect(await exited).toBe(1)
    expect(reasons).toEqual(['TimeoutError'])
    expect(isFlushed).toBe(true)
  })

  it('exits at once on a second signal', async () => {
    const { shutdown, host, codes } = scene()
    shutdown.onShutdown('server', () => new Promise(() => undefined))

    host.emit('SIGTERM')
    expect(codes).toEqual([])
    host.emit('SIGINT')

    expect(codes).toEqual([1])
  })

  it('closes for a process that ends by itself', async () => {
    const { shutdown, codes } = scene()

    await shutdown.begin('lost the lease')
    await shutdown.begin('again')

    expect(codes).toEqual([0])
  })

  it.each(['uncaughtException', 'unhandledRejection'])(
    'logs an %s without foreign fields, and exits with 1',
    (event) => {
      const { host, codes, lines } = scene()

      host.emit(event, Object.assign(new Error('broken'), { request: { headers: 'credential' } }))

      expect(codes).toEqual([1])
      expect(lines.join('')).toContain('broken')
      expect(lines.join('')).not.toContain('credential')
    },
  )
})
