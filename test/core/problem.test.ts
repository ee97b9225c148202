import { describe, expect, it } from 'vitest'
import { Problem, type ProblemReason, problems } from '../../core/problem.ts'

const reasons = Object.keys(problems) as ProblemReason[]

/** @see RFC 6749 §5.2, characters of error_description */
const descriptionPattern = /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/

describe('problems', () => {
  it.each(reasons)('%s has a mend that can stand in error_description', (reason) => {
    const { mend } = problems[reason]

    expect(mend).toMatch(descriptionPattern)
    expect(mend).toMatch(/^[A-Z]/)
    expect(mend).not.toMatch(/[.!\s]$/)
    expect(mend.length).toBeLessThanOrEqual(200)
  })

  it.each(reasons)('%s has a status that goes with its OAuth error and outcome', (reason) => {
    const { oauth, status, outcome } = problems[reason]

    if (status >= 500) expect(outcome).toBe('failed')
    else expect(outcome).toBe('denied')
    if (oauth === 'server_error') expect([500, 502]).toContain(status)
    if (oauth === 'temporarily_unavailable') expect([429, 503]).toContain(status)
    if (oauth === 'invalid_client') expect(status).toBe(401)
    if (status === 400) expect(['server_error', 'temporarily_unavailable', 'invalid_client']).not.toContain(oauth)
  })

  it('says the same of every unacceptable subject token, so that nobody learns which check refused it', () => {
    const ofToken = reasons.filter((reason) => /^(?:subject_token|workload)_/.test(reason))

    expect(ofToken.length).toBeGreaterThan(10)
    expect(new Set(ofToken.map((reason) => JSON.stringify(problems[reason]))).size).toBe(1)
    expect(problems.subject_token_signature.oauth).toBe('invalid_request')
  })

  it('says the same of a target that is unknown and one that is forbidden', () => {
    const { policy_unknown, audience_not_allowed, provider_unknown, provider_namespace } = problems

    expect([audience_not_allowed, provider_unknown, provider_namespace]).toEqual([
      policy_unknown,
      policy_unknown,
      policy_unknown,
    ])
  })
})

describe('Problem', () => {
  it('is an error whose message is its reason and nothing of the request', () => {
    const cause = new TypeError('x')
    const problem = new Problem('rbac_denied', { detail: 'deployer on okta:a', cause })

    expect(problem).toBeInstanceOf(Error)
    expect(problem).toMatchObject({
      name: 'Problem',
      message: 'rbac_denied',
      reason: 'rbac_denied',
      detail: 'deployer on okta:a',
      mend: problems.rbac_denied.mend,
      row: problems.rbac_denied,
    })
    expect(problem.cause).toBe(cause)
  })

  it('has no cause and no detail unless it was given one', () => {
    const problem = new Problem('draining')

    expect('cause' in problem).toBe(false)
    expect(problem.detail).toBeUndefined()
  })

  it('takes a mend of its own where that depends on the request', () => {
    expect(new Problem('parameter_missing', { mend: 'A required parameter is missing: scope' }).mend).toBe(
      'A required parameter is missing: scope',
    )
  })
})
