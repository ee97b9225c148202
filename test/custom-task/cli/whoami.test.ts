import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type FakeKube, startKube } from '../../fakes/kube/server.ts'
import { commandLine, now, type Ran, temporaryDirectory } from './command-line.ts'

const issuer = 'https://kubernetes.default.svc.cluster.local'
const audience = 'https://tokenbroker.example.com'

async function cluster(): Promise<FakeKube> {
  const kube = await startKube({ clock: () => now, issuer })
  kube.objects.create({
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'deployer', namespace: 'payments' },
  })
  kube.objects.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'rollout', namespace: 'payments' },
    spec: { serviceAccountName: 'deployer', nodeName: 'node1' },
  })
  return kube
}

function projected(kube: FakeKube, expirationSeconds = 3600): string {
  return kube.projectToken({
    namespace: 'payments',
    serviceAccount: 'deployer',
    pod: 'rollout',
    audience,
    expirationSeconds,
  })
}

/** The parts of a token that nobody else has: all of its segments. */
function expectNoTrace({ out, notes }: Ran, token: string): void {
  for (const part of token.split('.').filter((text) => text.length > 3)) expect(out + notes).not.toContain(part)
}

async function whoami(content: string | Buffer, options: readonly string[] = [], clock = () => now): Promise<Ran> {
  const file = join(await temporaryDirectory(), 'token')
  await writeFile(file, content)
  return await commandLine(['whoami', '--token-file', file, ...options], { clock })
}

/** A token that says what it is told to; whoami does not check signatures. */
function saying(claims: object): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${encode({ alg: 'RS256' })}.${encode(claims)}.c2ln`
}

const claims = {
  iss: issuer,
  sub: 'system:serviceaccount:payments:deployer',
  aud: audience,
  exp: now.getTime() / 1000 + 60,
  'kubernetes.io': {
    namespace: 'payments',
    serviceaccount: { name: 'deployer' },
    pod: { name: 'rollout', uid: 'u1' },
    node: { name: 'node1' },
  },
}

describe('whoami', () => {
  it('shows what the projected token of a pod says, and never the token', async () => {
    await using kube = await cluster()
    const token = projected(kube)

    const ran = await whoami(`${token}\n`)

    expect(ran).toMatchObject({ code: 0, notes: '' })
    expect(ran.out).toBe(
      [
        'namespace       payments',
        'serviceAccount  deployer',
        'pod             rollout',
        'node            node1',
        `audience        ${audience}`,
        `issuer          ${issuer}`,
        'expiresAt       2026-03-01T13:00:00.000Z',
        '',
      ].join('\n'),
    )
    expectNoTrace(ran, token)
  })

  it('prints JSON with the seconds that are left', async () => {
    await using kube = await cluster()
    const token = projected(kube)

    const ran = await whoami(token, ['-o', 'json'])

    expect(ran.code).toBe(0)
    expect(JSON.parse(ran.out)).toEqual({
      namespace: 'payments',
      serviceAccount: 'deployer',
      pod: 'rollout',
      node: 'node1',
      audience: [audience],
      issuer,
      expiresAt: '2026-03-01T13:00:00.000Z',
      expiresInSeconds: 3600,
      problems: [],
    })
    expectNoTrace(ran, token)
  })

  it('says that a token has expired', async () => {
    await using kube = await cluster()
    const later = new Date(now.getTime() + 3_600_000)

    const { code, out, notes } = await whoami(projected(kube), ['-o', 'json'], () => later)

    expect(code).toBe(1)
    expect(notes).toBe('The token has expired: the kubelet renews it in the pod, so read the mounted file.\n')
    expect(JSON.parse(out)).toMatchObject({ expiresInSeconds: 0, problems: [notes.trim()] })
  })

  it('says that a token is bound to no pod', async () => {
    await using kube = await cluster()

    const { code, out, notes } = await whoami(
      kube.serviceAccountToken({ namespace: 'payments', serviceAccount: 'deployer' }),
    )

    expect(code).toBe(1)
    expect(out).toContain('pod             (none)\nnode            (none)\n')
    expect(notes).toBe('The token is not bound to a pod: use a projected volume, not kubectl create token.\n')
  })

  it('says that a token has several audiences, and all that is wrong at once', async () => {
    const { pod: _, ...bound } = claims['kubernetes.io']

    const { code, out, notes } = await whoami(
      saying({ ...claims, aud: [audience, 'api'], exp: 1, 'kubernetes.io': bound }),
    )

    expect(code).toBe(1)
    expect(out).toContain(`audience        ${audience} api\n`)
    expect(notes.trim().split('\n')).toEqual([
      expect.stringContaining('expired'),
      expect.stringContaining('not bound to a pod'),
      expect.stringContaining('several audiences'),
    ])
  })

  it('does not let a claim speak to the terminal', async () => {
    const { out } = await whoami(saying({ ...claims, iss: '\u001b[2Jhttps://evil\nnamespace       kube-system' }))

    expect(out).toContain('issuer          ?[2Jhttps://evil?namespace')
    expect(out.trimEnd().split('\n')).toHaveLength(7)
  })

  it.each<[string, string | Buffer]>([
    ['nothing', ''],
    ['a GitHub token', 'ghp_0123456789abcdefghijABCDEFGHIJ012345'],
    ['a password of several lines', 'correct horse\nbattery staple'],
    ['a JWT of somebody else', saying({ iss: issuer, sub: 'me', aud: 'you', exp: 1 })],
    ['an expiry that is no time', saying({ ...claims, exp: 1e300 })],
    ['an expiry beyond all dates', saying({ ...claims, exp: 9e15 })],
    ['an expiry with a fraction', saying({ ...claims, exp: 1.5 })],
    ['no namespace', saying({ ...claims, 'kubernetes.io': { serviceaccount: { name: 'a' } } })],
    ['a payload that is no JSON', 'eyJhbGciOiJSUzI1NiJ9.bm8ganNvbg.c2ln'],
    ['bytes', Buffer.from([0xff, 0xfe, 0x00, 0x41])],
  ])('says that a file with %s is no token, without a word of it', async (_what, content) => {
    const ran = await whoami(content)

    expect(ran).toMatchObject({ code: 1, out: '' })
    expect(ran.notes).toMatch(
      /^\S+ holds no ServiceAccount token of Kubernetes: name the projected token with --token-file\.\n$/,
    )
    for (const word of content
      .toString('latin1')
      .split(/[\s.]+/)
      .filter(Boolean))
      expect(ran.notes).not.toContain(word)
  })

  it('says why a file cannot be read', async () => {
    const directory = await temporaryDirectory()

    expect((await commandLine(['whoami', '--token-file', directory])).notes).toBe(
      `${directory} is a directory: name the projected token with --token-file.\n`,
    )
    expect(await commandLine(['whoami', '--token-file', `${directory}/token`])).toEqual({
      code: 1,
      out: '',
      notes: `${directory}/token is not there: name the projected token with --token-file.\n`,
    })
  })
})
