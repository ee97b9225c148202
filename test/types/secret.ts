/** Checked by the compiler alone, never run: a credential is no text. */
import type { ExchangeRequest } from '../../core/oauth/exchange-request.ts'
import { parseExchangeRequest } from '../../core/oauth/exchange-request.ts'
import type { ProblemReason } from '../../core/problem.ts'
import { Problem } from '../../core/problem.ts'
import { Secret } from '../../core/secret.ts'

declare const secret: Secret

function takesText(_text: string): void {}

export function secrets(): void {
  // @ts-expect-error a Secret is not text
  takesText(secret)
  // @ts-expect-error text is not a Secret
  const fromText: Secret = 'eyJ'
  // @ts-expect-error an object that looks like one is not a Secret: the value is private
  const lookalike: Secret = { reveal: () => '', length: 0, toString: () => '', toJSON: () => '' }
  // @ts-expect-error the value has no name
  takesText(secret.value)
  // @ts-expect-error a header takes text
  new Headers({ authorization: secret })
  // @ts-expect-error a form takes text
  new URLSearchParams({ token: secret })
  // @ts-expect-error a problem's detail is text, so no Secret
  throw new Problem('internal_error', { detail: secret, cause: [fromText, lookalike] })
}

export function requests(request: ExchangeRequest): void {
  // @ts-expect-error the subject's token is a Secret
  if (request.subject.kind === 'pod') takesText(request.subject.token)
  // @ts-expect-error the actor's token is a Secret
  if (request.subject.kind === 'customrun') takesText(request.subject.actorToken)
  // @ts-expect-error a pod has no actor
  if (request.subject.kind === 'pod') void request.subject.actorToken
  // @ts-expect-error a form is what the form parser made, not a body
  parseExchangeRequest('grant_type=x')
}

export function reasons(): void {
  // @ts-expect-error the list of reasons is closed
  const reason: ProblemReason = 'something_else'
  // @ts-expect-error a problem has a reason of the list
  throw new Problem('something_else', { detail: reason })
}

// @ts-expect-error a Secret is made of text
export const made = new Secret(undefined)
