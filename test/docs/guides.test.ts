import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { TokenProvider } from '../../broker/providers/provider.ts'
import type { ProvidedInput, Rule } from '../../core/policy/rule.ts'
import { freshRing, testIssuer } from '../broker/issuer/issuer-fixture.ts'
import { describeProvider } from '../conformance/providers/suite.ts'
import { factsOf, policyOf, providerOf, run } from '../core/policy/policy-fixture.ts'
import { blocks } from './pages.ts'

const folder = await mkdtemp(join(tmpdir(), 'guides-'))
afterAll(async () => await rm(folder, { recursive: true }))

function snippet(path: string): string {
  const found = blocks('ts').find(({ text }) => text.startsWith(`// ${path}\n`))
  return found?.text ?? expect.fail(`no guide shows ${path}`)
}

/** Imports what a guide shows as if it stood at its path. */
async function imported(path: string): Promise<Readonly<Record<string, unknown>>> {
  const text = snippet(path).replaceAll(/from '(\.[^']+)'/g, (_, to: string) => `from '${resolve(dirname(path), to)}'`)
  const file = join(folder, path.replaceAll('/', '-'))
  await writeFile(file, text)
  return (await import(/* @vite-ignore */ file)) as Readonly<Record<string, unknown>>
}

describe('docs/guides/first-rule.md', async () => {
  const rule = (await imported('core/policy/rules/run-is-known.ts'))['runIsKnown'] as Rule
  const { request, subject } = factsOf()
  const input: ProvidedInput = {
    request,
    subject,
    run,
    agent: undefined,
    policy: policyOf(),
    provider: providerOf(),
    scopes: [],
    rbac: [],
  }

  it('shows a rule that lets a run through and refuses a pod without one', () => {
    expect(rule.check(input)).toBeUndefined()
    expect(rule.check({ ...input, run: { ...run, assurance: 'none' } })).toMatchObject({ reason: 'run_unknown' })
  })

  it('shows a row for the reason that the rule gives', () => {
    const row = snippet('core/problem.ts')

    expect(row).toMatch(/^run_unknown: \{$/m)
    // RFC 6749 §5.2, and no final period.
    expect(row).toMatch(/^ {2}mend: '[\x20\x21\x23-\x26\x28-\x5b\x5d-\x7e]+[^.]',$/m)
  })
})

describe('docs/guides/first-provider.md', async () => {
  const provider = (await imported('broker/providers/gateway.ts'))['gateway'] as TokenProvider<unknown>
  const ring = freshRing({ access: ['ES256'], federation: ['ES256'] })

  describeProvider({
    provider,
    async open() {
      const issuer = await testIssuer(await ring)
      return { issuer, upstream: { mint: issuer.mint } }
    },
  })
})
