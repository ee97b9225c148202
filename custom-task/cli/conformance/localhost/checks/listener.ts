import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { type Check, judgeGrant, judgeRefusal, type Seen } from '../check.ts'
import { ask, type Changes, type Subject } from '../subject.ts'
import { NoAnswer } from '../wire.ts'

/** Clauses of chapter 2: where it answers. */
export const listener: readonly Check[] = [
  { clause: '2.1', title: 'listens on loopback and on no other address of this machine', run: onlyLoopback },
  {
    clause: '2.2',
    title: 'answers on the Unix socket as on the port',
    run: async (subject) => judgeGrant(await ask(subject, {}, socketOf(subject))),
  },
  onSocket('2.3', 'without a key', { authorization: null }, [401]),
  onSocket('2.3', 'with another Host', { hosts: ['rebound.example'] }, [403]),
  onSocket('2.3', 'from a web page', { fields: [['Origin', 'http://localhost']] }, [403]),
]

function socketOf({ directory }: Subject) {
  return { path: join(directory, 'sidecar.sock') }
}

function onSocket(clause: string, title: string, changes: Changes, statuses: readonly number[]): Check {
  return {
    clause,
    title: `refuses on the Unix socket a request ${title}`,
    run: async (subject) => judgeRefusal(await ask(subject, changes, socketOf(subject)), statuses),
  }
}

/** Whoever speaks HTTP at this port of another address is taken for the sidecar. */
async function onlyLoopback(subject: Subject): Promise<Seen> {
  if (!/^(?:127\.|::1$|localhost$)/.test(subject.tcp.host)) return `${subject.tcp.host} is not loopback`
  const others = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).filter((one) => !one.internal))
  for (const { address, family, scopeid } of others) {
    // An address of one link needs its interface.
    if (family === 'IPv6' && scopeid !== 0) continue
    if (await isOpen({ host: address, port: subject.tcp.port }, subject)) return `${address} answers too`
  }
  return undefined
}

async function isOpen(place: { readonly host: string; readonly port: number }, subject: Subject): Promise<boolean> {
  try {
    await ask(subject, {}, place)
    return true
  } catch (error) {
    if (error instanceof NoAnswer) return false
    throw error
  }
}
