import * as z from 'zod/mini'

/**
 * Temporary AWS credentials, as a broker's answer carries them: `access_token` is their JSON in base64url, `token_type`
 * is `N_A` and `issued_token_type` is {@link tokenTypes.awsCredentials}. One opaque text, so that everything that keeps
 * tokens keeps them too.
 *
 * @see RFC 8693 §2.2.1
 */
export interface AwsCredentials {
  readonly AccessKeyId: string
  readonly SecretAccessKey: string
  /** The session token. */
  readonly Token: string
}

const printable = z.string().check(z.maxLength(8192), z.regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/))

const schema = z.strictObject({
  AccessKeyId: z.string().check(z.regex(/^\w{16,128}$/)),
  SecretAccessKey: printable,
  Token: printable,
})

/** @returns undefined when the text is no such set */
export function decodeAwsCredentials(text: string): AwsCredentials | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(text)) return undefined
  try {
    return schema.safeParse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))).data
  } catch {
    return undefined
  }
}

export function encodeAwsCredentials({ AccessKeyId, SecretAccessKey, Token }: AwsCredentials): string {
  return Buffer.from(JSON.stringify({ AccessKeyId, SecretAccessKey, Token })).toString('base64url')
}
