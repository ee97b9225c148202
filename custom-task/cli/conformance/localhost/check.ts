import { ask, type Changes, json, type Subject } from './subject.ts'
import { type Answer, NoAnswer } from './wire.ts'

/** What a check saw that breaks its clause, as one sentence; undefined when the clause is kept. */
export type Seen = string | undefined

/** One behaviour that a clause of the contract asks for. */
export interface Check {
  /** Number in docs/reference/localhost-contract.md. */
  readonly clause: string
  readonly title: string
  /** @throws NoAnswer, and errors of the file system: the clause is broken then too */
  run(subject: Subject): Promise<Seen>
}

/** A request that has to be answered with one of these statuses, with an error in OAuth's form and without a token. */
export function refuses(clause: string, title: string, changes: Changes, statuses: readonly number[]): Check {
  return {
    clause,
    title: `refuses ${title}`,
    run: async (subject) => judgeRefusal(await ask(subject, changes), statuses),
  }
}

/** @see RFC 6749 §5.2 */
export function judgeRefusal(answer: Answer, statuses: readonly number[]): Seen {
  if (!statuses.includes(answer.status)) return `answered ${answer.status} and not ${statuses.join(' or ')}`
  const { error, access_token: token } = json(answer)
  if (token !== undefined) return 'the answer holds a token'
  if (typeof error !== 'string') return 'the answer is no JSON with an error'
  return judgeHeaders(answer)
}

/** What every answer has to have, and must not have. */
export function judgeHeaders({ headers }: Answer): Seen {
  if (!/^application\/json\b/.test(headers['content-type'] ?? '')) return 'Content-Type is not application/json'
  if (headers['cache-control'] !== 'no-store') return 'Cache-Control is not no-store'
  const cors = Object.keys(headers).find((name) => name.startsWith('access-control-'))
  return cors === undefined ? undefined : `the answer has ${cors}`
}

/** A request that may be refused by closing the connection as well as by an answer. */
export function refusesOrCloses(clause: string, title: string, changes: Changes, statuses: readonly number[]): Check {
  const check = refuses(clause, title, changes, statuses)
  return {
    ...check,
    run: async (subject) =>
      await check.run(subject).catch((error: unknown) => {
        if (error instanceof NoAnswer) return undefined
        throw error
      }),
  }
}

/** A request that has to be answered with a token. */
export function grants(
  clause: string,
  title: string,
  changes: Changes | ((subject: Subject) => Promise<Changes>),
): Check {
  return {
    clause,
    title: `takes ${title}`,
    run: async (subject) =>
      judgeGrant(await ask(subject, typeof changes === 'function' ? await changes(subject) : changes)),
  }
}

/** @see RFC 6749 §5.1 */
export function judgeGrant(answer: Answer): Seen {
  if (answer.status !== 200) return `answered ${answer.status} and not 200`
  const { access_token: token, token_type: type, expires_in: seconds } = json(answer)
  if (typeof token !== 'string' || !/^[A-Za-z0-9\-._~+/]+=*$/.test(token)) return 'access_token is no b64token'
  if (type !== 'Bearer') return 'token_type is not Bearer'
  if (typeof seconds !== 'number' || seconds <= 0) return 'expires_in is no positive number'
  return judgeHeaders(answer)
}
