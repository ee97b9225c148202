import { type Check, grants, judgeRefusal, refuses } from '../check.ts'
import { ask, basic, goodForm, readKey, type Subject } from '../subject.ts'

/** Names that a path, a URL or an object would read otherwise. */
const trickyNames = [
  '../key',
  'a/b',
  '.',
  '..',
  '%2e%2e%2fkey',
  'a%2Fb',
  'a%00',
  '__proto__',
  'constructor',
  'key',
  'sidecar.sock',
  '..data',
]

/** Clauses of chapter 4: who knows the key. */
export const keys: readonly Check[] = [
  grants('4.1', 'the policy and the key by Basic', {}),
  grants('4.1', 'the policy and the key as form fields', async (subject) => ({
    authorization: null,
    body: `${goodForm}&client_id=${encodeURIComponent(subject.policy)}&client_secret=${encodeURIComponent(await readKey(subject))}`,
  })),
  grants('4.2', 'a percent-encoded policy name', async (subject) => ({
    authorization: basic(encodeAll(subject.policy), await readKey(subject)),
  })),
  refuses('4.3', 'a request without key', { authorization: null }, [401]),
  wrongKey('a key of another length', () => 'wrong'),
  wrongKey('an empty key', () => ''),
  wrongKey('the key without its last character', (key) => key.slice(0, -1)),
  wrongKey('the key with one character more', (key) => `${key}x`),
  wrongKey('the key in other letters', (key) => swapCase(key)),
  wrongKey('a key of the right length', (key) => 'x'.repeat(key.length)),
  {
    clause: '4.3',
    title: 'refuses the key as Bearer',
    run: async (subject) =>
      judgeRefusal(await ask(subject, { authorization: `Bearer ${await readKey(subject)}` }), [401]),
  },
  refuses('4.3', 'Basic that is no base64', { authorization: 'Basic !!!' }, [401]),
  {
    clause: '4.4',
    title: 'says WWW-Authenticate with a 401',
    run: async (subject) => {
      const { headers } = await ask(subject, { authorization: null })
      return /^basic\b/i.test(headers['www-authenticate'] ?? '') ? undefined : 'WWW-Authenticate is missing'
    },
  },
  {
    clause: '4.5',
    title: 'tells no difference between a wrong key and none',
    async run(subject) {
      const [none, wrong] = [
        await ask(subject, { authorization: null }),
        await ask(subject, { authorization: basic(subject.policy, 'wrong') }),
      ]
      return none.body === wrong.body && none.status === wrong.status ? undefined : 'the answers differ'
    },
  },
  ...trickyNames.map((name) => unknownPolicy(name)),
  {
    clause: '4.7',
    title: 'refuses two ways to authenticate at once',
    async run(subject) {
      const key = await readKey(subject)
      return judgeRefusal(
        await ask(subject, {
          body: `${goodForm}&client_id=${subject.policy}&client_secret=${encodeURIComponent(key)}`,
        }),
        [400],
      )
    },
  },
  {
    clause: '4.7',
    title: 'refuses two Authorization fields',
    run: async (subject) =>
      judgeRefusal(await ask(subject, { fields: [['Authorization', basic(subject.policy, 'wrong')]] }), [400]),
  },
  {
    clause: '4.8',
    title: 'gives nothing at GET /aws/<policy> without the key',
    run: async (subject) => {
      const answer = await ask(subject, { ...awsOf(subject), authorization: null })
      return judgeRefusal(answer, [401, 403, 404, 405])
    },
  },
]

function awsOf({ policy }: Subject) {
  return { method: 'GET', target: `/aws/${encodeURIComponent(policy)}`, body: '', contentType: null } as const
}

function wrongKey(title: string, change: (key: string) => string): Check {
  return {
    clause: '4.3',
    title: `refuses ${title}`,
    run: async (subject) =>
      judgeRefusal(await ask(subject, { authorization: basic(subject.policy, change(await readKey(subject))) }), [401]),
  }
}

function unknownPolicy(name: string): Check {
  return {
    clause: '4.6',
    title: `refuses the policy name ${name}`,
    run: async (subject) =>
      judgeRefusal(await ask(subject, { authorization: basic(name, await readKey(subject)) }), [401]),
  }
}

function encodeAll(text: string): string {
  return [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
}

function swapCase(text: string): string {
  return text.replaceAll(/[a-z]/gi, (letter) =>
    letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
  )
}
