import type { Form } from '../form.ts'

const roleArn = /^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]{1,512}$/

/**
 * Two ways of every AWS SDK: container credentials from the local API where the provider gives a set of credentials, and
 * web identity where it gives a token, which AWS STS exchanges. Never both, since an SDK takes the first that it finds.
 *
 * The role is what the step says itself in `AWS_ROLE_ARN`, else the one scope that is the ARN of a role: so RBAC says
 * who may assume it.
 */
export const aws = {
  judge: (subject) => {
    if (subject.issued !== 'bearer' || subject.ownVariables.has('AWS_ROLE_ARN')) return undefined
    const count = subject.scopes.filter((scope) => roleArn.test(scope)).length
    if (count === 1) return undefined
    return `form aws needs one role, and ${count === 0 ? 'no' : 'more than one'} scope is the ARN of one: set AWS_ROLE_ARN in the step, or make the ARN a scope of the policy`
  },
  env: ({ directory, url, name, keyFile }, { issued, scopes, ownVariables }): Readonly<Record<string, string>> => {
    if (issued !== 'bearer') {
      return {
        AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/aws/${name}`,
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: keyFile,
      }
    }
    const role = ownVariables.has('AWS_ROLE_ARN') ? undefined : scopes.find((scope) => roleArn.test(scope))
    return {
      AWS_WEB_IDENTITY_TOKEN_FILE: `${directory}/token`,
      ...(role === undefined ? {} : { AWS_ROLE_ARN: role }),
    }
  },
} as const satisfies Form
