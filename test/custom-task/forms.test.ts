import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { FormCase, FormToken, TokenPlace } from '../../custom-task/form.ts'
import { formOf, type PresetName, presetNames } from '../../custom-task/presets.ts'

const text = 'eyJhbGciOiJFUzI1NiJ9.e30.c2ln/+~='
const place: TokenPlace = {
  directory: '/tokenbroker/t',
  keyFile: '/tokenbroker/key',
  url: 'http://127.0.0.1:8099',
  name: 't',
}
const pool = '//iam.googleapis.com/projects/7/locations/global/workloadIdentityPools/p/providers/q'
const account = 'ci@acme.iam.gserviceaccount.com'
const role = 'arn:aws:iam::123456789012:role/team/deploy'
const id = '0a1b2c3d-2222-4333-8444-555555555555'

function file(name: PresetName, audience: string, scopes: readonly string[] = []): string | undefined {
  return formOf(name).file?.render({ text, audience, scopes, place } satisfies FormToken)
}

function judge(name: PresetName, audience: string, more: Partial<FormCase> = {}): string | undefined {
  return formOf(name).judge({ audience, scopes: [], issued: 'bearer', ownVariables: new Set(), ...more })
}

describe('git', () => {
  it.each([
    ['https://git.example.com', 'https://oauth2:TOKEN@git.example.com\n'],
    ['https://git.example.com:8443/team/', 'https://oauth2:TOKEN@git.example.com:8443\n'],
    ['http://git.ci.svc:3000', 'http://oauth2:TOKEN@git.ci.svc:3000\n'],
    ['git.example.com', 'https://oauth2:TOKEN@git.example.com\n'],
    ['https://[::1]:8443', 'https://oauth2:TOKEN@[::1]:8443\n'],
  ])('writes one line of credential-store for the server of %s', (audience, line) => {
    expect(file('git', audience)).toBe(line.replace('TOKEN', encodeURIComponent(text)))
  })

  it('asks its own helper and no other, at that server alone', () => {
    expect(formOf('git').gitConfig?.(place, { audience: 'https://git.example.com:8443/team', scopes: [] })).toEqual([
      ['credential.https://git.example.com:8443.helper', ''],
      [
        'credential.https://git.example.com:8443.helper',
        '!f() { test "$1" != get || git credential-store --file /tokenbroker/t/git-credentials get; }; f',
      ],
    ])
  })
})

describe('docker', () => {
  it.each([
    ['https://registry.example.com:5000/v2', 'registry.example.com:5000', 'oauth2'],
    ['ghcr.io', 'ghcr.io', 'oauth2'],
    ['https://docker.io', 'https://index.docker.io/v1/', 'oauth2'],
    ['https://europe-docker.pkg.dev', 'europe-docker.pkg.dev', 'oauth2accesstoken'],
    ['https://eu.gcr.io', 'eu.gcr.io', 'oauth2accesstoken'],
    ['quay.io', 'quay.io', '$oauthtoken'],
  ])('writes a config.json for the registry of %s', (audience, key, user) => {
    expect(JSON.parse(file('docker', audience) ?? '')).toEqual({
      auths: { [key]: { auth: Buffer.from(`${user}:${text}`).toString('base64') } },
    })
  })

  it.each([
    ['https://acme.azurecr.io', 'use form azure'],
    ['123456789012.dkr.ecr.eu-west-1.amazonaws.com', 'use form aws'],
    ['public.ecr.aws', 'use form aws'],
  ])('is refused for %s, which takes no access token', (audience, mend) => {
    expect(judge('docker', audience)).toContain(mend)
  })
})

describe('a host with signs of shells, variables and quotes', () => {
  it.each(["https://a';b.example.com", 'https://$(HOME).example.com', 'https://`id`.example.com', 'https://a&b'])(
    'is no server: %s',
    (audience) => {
      for (const name of ['git', 'docker', 'netrc', 'kubeconfig'] as const) {
        expect(judge(name, audience)).toContain('needs to know the')
        expect(file(name, audience)).toBeUndefined()
      }
    },
  )
})

describe('netrc', () => {
  it('knows a host without port and scheme, one word a line', () => {
    expect(file('netrc', 'https://api.example.com:8443/v1')).toBe(
      `machine api.example.com\nlogin oauth2\npassword ${text}\n`,
    )
  })
})

describe('kubeconfig', () => {
  it('names the server and the token file, and trusts what the image trusts', () => {
    expect(parse(file('kubeconfig', 'https://k8s.example.com:6443/') ?? '')).toEqual({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 't', cluster: { server: 'https://k8s.example.com:6443' } }],
      users: [{ name: 't', user: { tokenFile: '/tokenbroker/t/token' } }],
      contexts: [{ name: 't', context: { cluster: 't', user: 't' } }],
      'current-context': 't',
    })
  })

  it.each(['https://kubernetes.default.svc', 'https://kubernetes', 'https://kubernetes.default.svc.cluster.local'])(
    "trusts the pod's own cluster at %s by the authorities of the pod",
    (audience) => {
      expect(file('kubeconfig', audience)).toContain('"/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"')
    },
  )

  it('is refused where the token would go over plain http', () => {
    expect(judge('kubeconfig', 'http://k8s.example.com')).toContain('no https URL')
  })
})

describe('gcp', () => {
  it.each([pool, `https:${pool}`])('exchanges the token file at Google for %s', (audience) => {
    expect(JSON.parse(file('gcp', audience, ['read', account]) ?? '')).toEqual({
      type: 'external_account',
      audience: pool,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: 'https://sts.googleapis.com/v1/token',
      credential_source: { file: '/tokenbroker/t/token', format: { type: 'text' } },
      service_account_impersonation_url: `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/${account}:generateAccessToken`,
    })
    expect(file('gcp', audience)).not.toContain('impersonation')
  })

  it('needs no file for a token that Google takes as it is', () => {
    expect(judge('gcp', 'https://storage.googleapis.com')).toBeUndefined()
    expect(file('gcp', 'https://storage.googleapis.com')).toBeUndefined()
  })

  it.each([
    ['https://deploy.example.com', [], 'no provider of a workload identity pool'],
    ['https://iam.googleapis.com/projects/acme/x', [], 'no provider of a workload identity pool'],
    [pool, [account, `b${account}`], 'names several'.slice(6)],
  ])('is refused for %s with scopes %j', (audience, scopes, mend) => {
    expect(judge('gcp', audience, { scopes })).toContain(mend)
  })
})

describe('aws', () => {
  it.each([
    ['no scope is a role', ['deploy']],
    ['two are', [role, `${role}2`]],
  ])('is refused where %s, and the step says none', (_, scopes) => {
    expect(judge('aws', 'sts.amazonaws.com', { scopes })).toContain('set AWS_ROLE_ARN in the step')
    expect(judge('aws', 'sts.amazonaws.com', { scopes, ownVariables: new Set(['AWS_ROLE_ARN']) })).toBeUndefined()
    expect(judge('aws', 'sts.amazonaws.com', { scopes, issued: 'aws-credentials' })).toBeUndefined()
  })
})

describe('azure', () => {
  it('takes tenant and client from the one scope that names them', () => {
    const subject = { audience: 'api://AzureADTokenExchange', scopes: ['a', `${id}/${id}`], issued: 'bearer' as const }

    expect(formOf('azure').env(place, { ...subject, ownVariables: new Set() })).toEqual({
      AZURE_FEDERATED_TOKEN_FILE: '/tokenbroker/t/token',
      AZURE_TENANT_ID: id,
      AZURE_CLIENT_ID: id,
    })
    expect(judge('azure', subject.audience, { scopes: [`${id}/${id}`, `${id}/${id.replace('0', '1')}`] })).toContain(
      'several',
    )
  })
})

describe('every form', () => {
  it.each(['git', 'docker', 'netrc', 'kubeconfig'] as const)(
    '%s is refused for an audience that is no server',
    (name) => {
      for (const audience of [
        'api://deploy',
        'deploy',
        'urn:a:b',
        'https://user:pw@example.com',
        'ftp://example.com',
      ]) {
        expect(judge(name, audience), audience).toContain("as the policy's audience")
        expect(file(name, audience), audience).toBeUndefined()
      }
    },
  )

  it('has no token in the environment, and either a complaint or a file that holds what the audience says', () => {
    const audiences = fc.oneof(fc.webUrl(), fc.domain(), fc.string({ maxLength: 40 }), fc.constantFrom(pool, 'a:1'))
    const tokens = fc.stringMatching(/^[A-Za-z0-9._~+/-]{20,60}$/)
    fc.assert(
      fc.property(audiences, tokens, fc.constantFrom(...presetNames), (audience, token, name) => {
        const form = formOf(name)
        const scopes = [role]
        const subject = { audience, scopes, issued: 'bearer' as const, ownVariables: new Set<string>() }
        expect(JSON.stringify(form.env(place, subject))).not.toContain(token)
        const content = form.file?.render({ text: token, audience, scopes, place })
        if (form.judge(subject) !== undefined) expect(content).toBeUndefined()
        else if (form.file !== undefined && name !== 'gcp') expect(content?.split('\n').at(-1)).toBe('')
      }),
    )
  })
})
