import { createHash, createHmac } from 'node:crypto'
import type { CloudRequest } from './cloud.ts'

export interface SigningKeys {
  readonly AccessKeyId: string
  readonly SecretAccessKey: string
  readonly Token: string
}

const pattern =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/

/** Whether the request is signed by these keys. @see AWS Signature Version 4 */
export function isSignedBy({ AccessKeyId, SecretAccessKey, Token }: SigningKeys, request: CloudRequest): boolean {
  const { method, url, headers, body } = request
  const [, id, day = '', region = '', service = '', signed = '', signature] =
    pattern.exec(headers.authorization ?? '') ?? []
  if (id !== AccessKeyId || headers['x-amz-security-token'] !== Token) return false
  const lines = signed.split(';').map((name) => `${name}:${String(headers[name]).trim()}\n`)
  const canonical = [method, url.pathname, url.search.slice(1), lines.join(''), signed, hex(body)].join('\n')
  const scope = `${day}/${region}/${service}/aws4_request`
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, hex(canonical)].join('\n')
  const key = [region, service, 'aws4_request'].reduce(hmac, hmac(`AWS4${SecretAccessKey}`, day))
  return hmac(key, text).toString('hex') === signature
}

function hex(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
