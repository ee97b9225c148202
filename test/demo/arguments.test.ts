import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { thingsToTry } from './keep.ts'
import { runToEnd } from './process.ts'

const program = join(import.meta.dirname, 'main.ts')
const at = (port: number) => `http://127.0.0.1:${port}`

describe('npm run demo', () => {
  it.each([
    ['--kepp', 2, /^The demo takes --keep and nothing else\n\nUsage: npm run demo/],
    ['keep', 2, /^The demo takes --keep and nothing else\n\nUsage: npm run demo/],
    ['--help', 0, /^Usage: npm run demo/],
  ])('explains itself with %s', async (argument, code, text) => {
    expect(await runToEnd([program, argument])).toEqual({ code, output: expect.stringMatching(text) })
  })

  it('has a call that is granted, one that is refused and the check of the audit stream to try', () => {
    const addresses = {
      issuer: at(1),
      token: at(2),
      metrics: at(3),
      controllerHealth: at(4),
      sidecar: at(5),
      sidecarHealth: at(6),
      api: at(7),
    }

    const lines = thingsToTry(addresses, '/pod/tokenbroker', '/audit')

    expect(lines.filter((line) => line.startsWith('curl') && !line.startsWith('curl -s '))).toEqual([])
    expect(lines).toContainEqual(expect.stringMatching(/grant_type=client_credentials http:\/\/127\.0\.0\.1:5\/token$/))
    expect(lines).toContainEqual(expect.stringMatching(/ -d scope=deploy:production http.* # refused, with the mend$/))
    expect(lines).toContain('npx --no tokenbroker audit verify /audit')
  })
})
