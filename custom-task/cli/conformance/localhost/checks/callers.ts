import { type Check, grants, refuses, refusesOrCloses } from '../check.ts'
import { ask, type Changes, requestText } from '../subject.ts'
import { exchange } from '../wire.ts'

const withField = (name: string, value: string): Changes => ({ fields: [[name, value]] })

/** Values of `Host` that a rebound name or a proxy shows. @see https://datatracker.ietf.org/doc/html/rfc9110#section-7.2 */
const foreignHosts = [
  'rebound.example',
  'rebound.example:8099',
  'localhost.rebound.example',
  '127.0.0.1.rebound.example',
  '127.0.0.1',
  '127.0.0.1:1',
  'localhost@rebound.example',
  '0.0.0.0',
  '2130706433',
]

const browserFields: readonly (readonly [string, string])[] = [
  ['Origin', 'http://localhost'],
  ['Origin', 'null'],
  ['Sec-Fetch-Site', 'same-origin'],
  ['Sec-Fetch-Mode', 'no-cors'],
  ['Sec-Fetch-Dest', 'empty'],
  ['Sec-Fetch-User', '?1'],
  ['sEC-fETCH-sITE', 'none'],
]

const proxyFields: readonly (readonly [string, string])[] = [
  ['Forwarded', 'for=127.0.0.1'],
  ['X-Forwarded-For', '127.0.0.1'],
  ['X-Forwarded-Host', 'localhost'],
  ['X-Forwarded-Proto', 'http'],
  ['X-Forwarded-Anything', '1'],
  ['Via', '1.1 proxy'],
]

const methods = ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE']

const otherTargets = ['/', '/token/', '//token', '/./token', '/x/../token', '/%74oken', '/TOKEN', '/token;a']

/** Clauses of chapter 3: who is not answered, whatever key they have. */
export const callers: readonly Check[] = [
  grants('3.1', 'Host: localhost', { hosts: ['localhost'] }),
  ...foreignHosts.map((host) => refuses('3.1', `Host: ${host} (DNS rebinding)`, { hosts: [host] }, [403])),
  refuses('3.2', 'a request without Host', { hosts: [] }, [400]),
  refuses('3.2', 'two Host fields', { hosts: ['localhost', 'rebound.example'] }, [400]),
  refuses('3.2', 'a whole URL as target', { target: 'http://rebound.example/token' }, [400]),
  ...browserFields.map(([name, value]) => refuses('3.3', `${name}: ${value}`, withField(name, value), [403])),
  ...proxyFields.map(([name, value]) => refuses('3.4', `${name}`, withField(name, value), [403])),
  ...methods.map((method) => refusalOf(method)),
  refusesOrCloses('3.5', 'CONNECT', { method: 'CONNECT', body: '', contentType: null }, [400, 403, 404, 405]),
  {
    clause: '3.5',
    title: 'says Allow: POST where the method is wrong',
    run: async (subject) => {
      const { headers } = await ask(subject, { method: 'GET', body: '' })
      return headers['allow'] === 'POST' ? undefined : 'Allow is missing or names another method'
    },
  },
  refuses('3.6', 'a query', { target: '/token?grant_type=client_credentials' }, [400, 404]),
  ...otherTargets.map((target) => refuses('3.6', `POST ${target}`, { target }, [400, 404])),
]

/** An answer to HEAD has no body, so its error cannot be read. */
function refusalOf(method: string): Check {
  const check = refuses('3.5', method, { method, body: '' }, [405])
  if (method !== 'HEAD') return check
  return {
    ...check,
    async run(subject) {
      const text = await requestText(subject, { method, body: '', fields: [['Connection', 'close']] })
      const [answer] = await exchange(subject.tcp, text, { signal: subject.signal })
      return answer?.status === 405 ? undefined : `answered ${answer?.status} and not 405`
    },
  }
}
