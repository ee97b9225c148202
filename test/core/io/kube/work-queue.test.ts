import { describe, expect, it } from 'vitest'
import { createWorkQueue, type WorkQueueOptions } from '../../../../core/io/kube/work-queue.ts'
import { createLog } from '../../../../core/io/log.ts'
import { createMailbox } from '../mailbox.ts'
import { manualTime } from '../manual-time.ts'

interface Work {
  readonly key: string
  readonly signal: AbortSignal
  done(): void
  fail(): void
}

const noDeadline = new AbortController().signal

/** A queue whose work is done when the test says so. */
function scene(options: Partial<WorkQueueOptions> = {}) {
  const works = createMailbox<Work>()
  const lines: string[] = []
  const time = manualTime()
  const queue = createWorkQueue({
    process: (key, signal) =>
      new Promise<void>((resolve, reject) => {
        works.put({ key, signal, done: resolve, fail: () => reject(new Error('no')) })
      }),
    log: createLog({ name: 'test', destination: { write: (line) => void lines.push(line) } }),
    clock: time.clock,
    delay: time.delay,
    random: () => 1,
    ...options,
  })
  return { queue, works, time, lines }
}

/** Lets everything run that can. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

describe('createWorkQueue', () => {
  it('works once on a key that was added many times', async () => {
    const { queue, works } = scene()

    for (let i = 0; i < 5; i += 1) queue.add('a')
    ;(await works.next()).done()
    await settle()

    expect(works.left()).toEqual([])
    expect(queue.depth()).toEqual({ waiting: 0, delayed: 0, running: 0 })
  })

  it('never works on one key twice at once, but once more when it was added meanwhile', async () => {
    const { queue, works } = scene()
    queue.add('a')
    const first = await works.next()

    queue.add('a')
    queue.add('a')
    await settle()
    expect(works.left()).toEqual([])

    first.done()
    ;(await works.next()).done()
    await settle()
    expect(works.left()).toEqual([])
  })

  it('works on as many keys at once as it may, in the order in which they came', async () => {
    const { queue, works } = scene({ concurrency: 2 })

    for (const key of ['a', 'b', 'c', 'd']) queue.add(key)
    const [a, b] = [await works.next(), await works.next()]
    expect([a.key, b.key]).toEqual(['a', 'b'])
    expect(queue.depth()).toEqual({ waiting: 2, delayed: 0, running: 2 })

    b.done()
    expect((await works.next()).key).toBe('c')
  })

  it('tries a key again that failed, later each time, from anew after a success', async () => {
    const { queue, works, time, lines } = scene()
    queue.add('a')

    for (const ms of [5, 10, 20]) {
      ;(await works.next()).fail()
      await settle()
      expect(time.asked.at(-1)).toBe(ms)
      await time.pass(ms)
    }
    ;(await works.next()).done()
    await settle()
    queue.add('a')
    ;(await works.next()).fail()
    await settle()

    expect(time.asked).toEqual([5, 10, 20, 5])
    expect(lines).toHaveLength(4)
  })

  it('waits at most a minute', async () => {
    const { queue, time } = scene()

    for (let i = 0; i < 40; i += 1) queue.addRateLimited('a')

    expect(Math.max(...time.asked)).toBeLessThanOrEqual(60_000)
  })

  it('begins anew with short waits after forget', () => {
    const { queue, time } = scene()

    queue.addRateLimited('a')
    queue.addRateLimited('a')
    queue.forget('a')
    queue.addRateLimited('b')
    queue.addRateLimited('a')

    // The two of "a" that came later than its first are not waited for at all.
    expect(time.asked).toEqual([5, 5])
  })

  it('catches work that throws at once', async () => {
    const { queue, time, lines } = scene({
      process: () => {
        throw new Error('at once')
      },
    })

    queue.add('a')
    await settle()
    expect(queue.depth()).toEqual({ waiting: 0, delayed: 1, running: 0 })
    await time.pass(5)
    await settle()

    expect(time.asked).toEqual([5, 10])
    expect(lines).toHaveLength(2)
  })

  it('adds a key after its delay; of several the earliest counts', async () => {
    const { queue, works, time } = scene()
    queue.addAfter('a', 1000)
    queue.addAfter('a', 300)
    queue.addAfter('a', 2000)
    expect(queue.depth().delayed).toBe(1)

    await time.pass(299)
    expect(works.left()).toEqual([])
    await time.pass(1)
    ;(await works.next()).done()
    await time.pass(5000)

    expect(works.left()).toEqual([])
    expect(time.pending()).toBe(0)
  })

  it('adds at once what has no delay', async () => {
    const { queue, works } = scene()

    queue.addAfter('a', 0)

    expect((await works.next()).key).toBe('a')
  })

  it('never begins work inside the call of add', () => {
    const { queue, works } = scene()

    queue.add('a')

    expect(works.left()).toEqual([])
  })
})

describe('shutDown', () => {
  it('waits for what runs, and drops what has not begun', async () => {
    const { queue, works, time } = scene({ concurrency: 1 })
    queue.add('a')
    queue.add('b')
    queue.addAfter('c', 1000)
    const running = await works.next()
    queue.add('a')
    let isDown = false

    const down = queue.shutDown(noDeadline).then(() => {
      isDown = true
    })
    await settle()
    expect(isDown).toBe(false)
    running.done()
    await down

    queue.add('d')
    await time.pass(5000)
    expect(works.left()).toEqual([])
    expect(queue.depth()).toEqual({ waiting: 0, delayed: 0, running: 0 })
    expect(time.pending()).toBe(0)
  })

  it('tells running work to stop when the deadline comes', async () => {
    const { queue, works, lines } = scene()
    queue.add('a')
    const running = await works.next()
    const deadline = new AbortController()

    const down = queue.shutDown(deadline.signal)
    expect(running.signal.aborted).toBe(false)
    deadline.abort()
    expect(running.signal.aborted).toBe(true)
    running.fail()
    await down

    expect(lines).toEqual([])
  })

  it('tells running work to stop at once when the deadline is past', async () => {
    const { queue, works } = scene()
    queue.add('a')
    const running = await works.next()

    const down = queue.shutDown(AbortSignal.abort())

    expect(running.signal.aborted).toBe(true)
    running.done()
    await down
  })
})
