import { type Check, grants, judgeRefusal, refuses } from '../check.ts'
import { ask, formType, goodForm, json } from '../subject.ts'

const bad = (title: string, body: string): Check => refuses('5.2', title, { body }, [400])

/** Clauses of chapter 5: what a request says. */
export const forms: readonly Check[] = [
  grants('5.1', 'a charset of UTF-8', { contentType: `${formType}; charset=UTF-8` }),
  grants('5.1', 'min_ttl=0', { body: `${goodForm}&min_ttl=0` }),
  refuses('5.1', 'a form without Content-Type', { contentType: null }, [400]),
  refuses('5.1', 'a form as text/plain, which a web page may send', { contentType: 'text/plain' }, [400]),
  refuses('5.1', 'JSON', { contentType: 'application/json', body: '{"grant_type":"client_credentials"}' }, [400]),
  refuses('5.1', 'a content encoding', { fields: [['Content-Encoding', 'gzip']] }, [400, 403, 415]),
  bad('an empty body', ''),
  bad('a form without grant_type', 'min_ttl=0'),
  bad('a repeated grant_type', `${goodForm}&${goodForm}`),
  bad('a repeated scope', `${goodForm}&scope=a&scope=b`),
  bad('an unknown parameter', `${goodForm}&min_tll=5`),
  bad('an empty parameter', `${goodForm}&scope=`),
  bad('audience and resource', `${goodForm}&audience=a&resource=b`),
  bad('broken percent-encoding', `${goodForm}&scope=%zz`),
  bad('percent-encoding that is no UTF-8', `${goodForm}&scope=%ff`),
  bad('bytes beyond ASCII', `${goodForm}&scope=\xe4`),
  bad('min_ttl that is no number', `${goodForm}&min_ttl=soon`),
  bad('a negative min_ttl', `${goodForm}&min_ttl=-1`),
  bad('min_ttl that no token has', `${goodForm}&min_ttl=86400`),
  {
    clause: '5.3',
    title: 'says unsupported_grant_type of another grant',
    async run(subject) {
      const answer = await ask(subject, { body: 'grant_type=password' })
      const seen = judgeRefusal(answer, [400])
      if (seen !== undefined) return seen
      return json(answer)['error'] === 'unsupported_grant_type' ? undefined : 'the error is another one'
    },
  },
]
