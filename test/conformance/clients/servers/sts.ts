import type { IsValid } from '../tokens.ts'
import { type CloudAnswer, type CloudRequest, differences } from './cloud.ts'
import { isSignedBy } from './signature-v4.ts'

/** What it gives. */
export const keys = { AccessKeyId: 'ASIAEXAMPLEEXAMPLE', SecretAccessKey: 'secret/+access', Token: 'session//token==' }

/** AWS STS in the XML of its query protocol; strict where the original is. */
export function answerAsSts(role: string, isValid: IsValid) {
  return async (request: CloudRequest): Promise<CloudAnswer> => {
    const form = new URLSearchParams(request.body)
    if (form.get('Action') === 'GetCallerIdentity') {
      return isSignedBy(keys, request)
        ? result(
            'GetCallerIdentity',
            `<UserId>AROA:session</UserId><Account>123456789012</Account><Arn>${role}/session</Arn>`,
          )
        : denied('SignatureDoesNotMatch')
    }
    const session = form.get('RoleSessionName') ?? ''
    const token = form.get('WebIdentityToken') ?? ''
    const wanted = {
      Action: 'AssumeRoleWithWebIdentity',
      Version: '2011-06-15',
      RoleArn: role,
      RoleSessionName: /^[\w+=,.@-]{2,64}$/.test(session) ? session : '(another name)',
      WebIdentityToken: (await isValid(token)) ? token : '(a valid token)',
    }
    if (request.headers.authorization !== undefined || differences(form, wanted) !== '')
      return denied('InvalidIdentityToken')
    const { AccessKeyId, SecretAccessKey, Token } = keys
    const credentials = `<AccessKeyId>${AccessKeyId}</AccessKeyId><SecretAccessKey>${SecretAccessKey}</SecretAccessKey><SessionToken>${Token}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>`
    return result('AssumeRoleWithWebIdentity', `<Credentials>${credentials}</Credentials>`)
  }
}

function result(action: string, content: string): CloudAnswer {
  const namespace = 'https://sts.amazonaws.com/doc/2011-06-15/'
  const body = `<${action}Response xmlns="${namespace}"><${action}Result>${content}</${action}Result></${action}Response>`
  return { status: 200, type: 'text/xml', body }
}

function denied(code: string): CloudAnswer {
  const body = `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>no</Message></Error></ErrorResponse>`
  return { status: 403, type: 'text/xml', body }
}
