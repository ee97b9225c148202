import type { Socket } from 'node:net'
import { type Check, judgeGrant, judgeRefusal, refuses, type Seen } from '../check.ts'
import { ask, formType, goodForm, requestText, type Subject } from '../subject.ts'
import { exchange, NoAnswer, open, readAnswers } from '../wire.ts'

const manyConnections = 100
const longestRequestMs = 30_000

/** Clauses of chapter 6: what one caller cannot do to the others. */
export const bounds: readonly Check[] = [
  refuses('6.1', 'a body over 8 KiB', { body: `${goodForm}&scope=${'a'.repeat(8192)}` }, [413]),
  { clause: '6.1', title: 'refuses a Content-Length of 1 GiB before the body comes', run: announced },
  { clause: '6.1', title: 'refuses a chunked body as soon as it is too large', run: endless },
  refuses('6.2', 'a header of 64 KiB', { fields: [['X-Long', 'a'.repeat(65_536)]] }, [400, 413, 431]),
  refuses('6.3', 'Content-Length beside Transfer-Encoding', both(), [400]),
  refuses('6.3', 'an unknown Transfer-Encoding', { fields: [['Transfer-Encoding', 'gzip, chunked']] }, [400, 501]),
  { clause: '6.4', title: 'answers pipelined requests in order, each for itself', run: pipelined },
  { clause: '6.5', title: `answers beside ${manyConnections} connections that say nothing`, run: crowded },
  { clause: '6.5', title: 'answers beside a caller that reads nothing', run: slowReader },
  { clause: '6.6', title: 'ends a request that does not', run: slowWriter },
]

function both() {
  const fields = [
    ['Content-Length', String(goodForm.length)],
    ['Transfer-Encoding', 'chunked'],
  ] as const
  return { fields, body: `${goodForm.length.toString(16)}\r\n${goodForm}\r\n0\r\n\r\n` }
}

async function announced(subject: Subject): Promise<Seen> {
  return judgeRefusal(await ask(subject, { fields: [['Content-Length', String(1024 ** 3)]], body: '' }), [413])
}

async function endless(subject: Subject): Promise<Seen> {
  const body = `2400\r\n${'a'.repeat(0x2400)}\r\n`
  return judgeRefusal(await ask(subject, { fields: [['Transfer-Encoding', 'chunked']], body }), [413])
}

async function pipelined(subject: Subject): Promise<Seen> {
  const [good, bad] = [await requestText(subject), await requestText(subject, { authorization: null })]
  const answers = await exchange(subject.tcp, good + bad + good, { count: 3, signal: subject.signal })
  const statuses = answers.map(({ status }) => status).join(' ')
  return statuses === '200 401 200' ? undefined : `answered ${statuses} and not 200 401 200`
}

async function crowded(subject: Subject): Promise<Seen> {
  const opening = Array.from({ length: manyConnections }, () => open(subject.tcp, subject.signal))
  const opened = await Promise.allSettled(opening)
  const sockets = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
  try {
    return judgeGrant(await ask(subject))
  } finally {
    for (const socket of sockets) socket.destroy()
  }
}

async function slowReader(subject: Subject): Promise<Seen> {
  const socket = await open(subject.tcp, subject.signal)
  try {
    socket.pause()
    socket.write((await requestText(subject)).repeat(500))
    return judgeGrant(await ask(subject))
  } finally {
    socket.destroy()
  }
}

async function slowWriter(subject: Subject): Promise<Seen> {
  const socket = await open(subject.tcp, subject.signal)
  try {
    const head = `POST /token HTTP/1.1\r\nHost: ${subject.authority}\r\nContent-Type: ${formType}\r\n`
    socket.write(`${head}Content-Length: 29\r\n\r\ngrant`)
    return await ended(socket)
  } finally {
    socket.destroy()
  }
}

/** By an answer that is no grant, or without a word. */
async function ended(socket: Socket): Promise<Seen> {
  const isGone = new Promise<'gone'>((resolve) => socket.once('close', () => resolve('gone')))
  try {
    const [answer] = await readAnswers(socket, 1, longestRequestMs)
    return answer === undefined || answer.status >= 400 ? undefined : `answered ${answer.status}`
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    return (await Promise.race([isGone, 'open' as const])) === 'gone' ? undefined : 'it was still open after 30 s'
  }
}
