import { expect, inject as provided, test } from 'vitest'
import { giving, startScene } from './scene.ts'
import { serve } from './servers/listen.ts'
import { basicPassword, createTokens } from './tokens.ts'

test('curl and requests log in by the netrc file', async () => {
  const tokens = createTokens()
  const url = await serve((request, response) => {
    const isIn = tokens.isValid(basicPassword(request.headers.authorization) ?? '')
    response.writeHead(isIn ? 200 : 401, { 'www-authenticate': 'Basic realm="x"' }).end(isIn ? 'let in' : 'no')
  })
  const scene = await startScene({
    annotations: { inject: 'api', as: 'netrc' },
    policies: { api: { audience: url, scopes: ['read'] } },
    answer: giving(tokens.issue),
  })
  const curl = await scene.run('sh', ['-c', `curl --silent --fail --netrc-file "$NETRC" ${url}/`])
  const requests = `import requests; r = requests.get("${url}/"); r.raise_for_status(); print(r.text, end="")`

  expect(curl).toMatchObject({ code: 0, stdout: 'let in' })
  expect(await scene.run(provided('clients').python, ['-c', requests])).toMatchObject({ code: 0, stdout: 'let in' })
  expect(await scene.run('curl', ['--silent', '--fail', `${url}/`])).toMatchObject({ code: 22 })
})
