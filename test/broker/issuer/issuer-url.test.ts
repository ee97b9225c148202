import { describe, expect, it } from 'vitest'
import { parseIssuerUrl, wellKnownPaths } from '../../../broker/issuer/issuer-url.ts'

describe('parseIssuerUrl', () => {
  it.each([
    ['https://broker.example.com', ''],
    ['https://broker.example.com:8443', ''],
    ['https://broker.example.com/tenants/a', '/tenants/a'],
    ['http://127.0.0.1:8080', ''],
    ['http://localhost/x', '/x'],
    ['http://[::1]:1', ''],
  ])('takes %s', (text, path) => {
    expect(parseIssuerUrl(text)).toMatchObject({ text, path })
  })

  it.each([
    '',
    'broker.example.com',
    'http://broker.example.com',
    'ftp://broker.example.com',
    'https://broker.example.com/',
    'https://broker.example.com/a/',
    'https://broker.example.com?a=b',
    'https://broker.example.com/a?b',
    'https://broker.example.com#a',
    'https://user@broker.example.com',
    'https://BROKER.example.com',
    'https://broker.example.com:443',
    'https://broker.example.com/a/../b',
    ' https://broker.example.com',
    'https://broker.example.com\n',
  ])('refuses %j', (text) => {
    expect(() => parseIssuerUrl(text)).toThrow(TypeError)
  })
})

describe('wellKnownPaths', () => {
  it('is one path where the issuer has none', () => {
    expect(wellKnownPaths('openid-configuration', '')).toEqual(['/.well-known/openid-configuration'])
  })

  it('inserts and appends where the issuer has a path', () => {
    expect(wellKnownPaths('oauth-authorization-server', '/a/b')).toEqual([
      '/.well-known/oauth-authorization-server/a/b',
      '/a/b/.well-known/oauth-authorization-server',
    ])
  })
})
