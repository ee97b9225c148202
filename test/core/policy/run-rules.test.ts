import { describe, expect, it } from 'vitest'
import type { Run, Source } from '../../../core/identity/run.ts'
import { compileValidations } from '../../../core/io/cel/compile-validations.ts'
import type { ProvidedInput, Rule } from '../../../core/policy/rule.ts'
import { limitsRequire } from '../../../core/policy/rules/limits-require.ts'
import { providerNamespace } from '../../../core/policy/rules/provider-namespace.ts'
import { runsAssurance } from '../../../core/policy/rules/runs-assurance.ts'
import { runsEventListeners } from '../../../core/policy/rules/runs-event-listeners.ts'
import { runsPipelines } from '../../../core/policy/rules/runs-pipelines.ts'
import { runsPodTemplate } from '../../../core/policy/rules/runs-pod-template.ts'
import { runsSource } from '../../../core/policy/rules/runs-source.ts'
import { validations } from '../../../core/policy/rules/validations.ts'
import { factsOf, policyOf, providerOf, run } from './policy-fixture.ts'
import { inputOf } from './rule-input.ts'

const uri = 'git+https://git.example.com/pipelines.git'
const source: Source = { uri, revision: 'main', entryPoint: 'release.yaml', digest: 'sha1:abc' }
const wanted = { uri, revisions: ['main', 'v1'], entryPoints: ['release.yaml', 'tasks/deploy.yaml'] }
const customRun = { name: 'release-1-token', uid: '44444444-4444-4444-8444-444444444444' }
const event = {
  eventListener: { namespace: 'ci', name: 'github' },
  fields: { ref: 'refs/heads/main' },
} as unknown as NonNullable<Run['event']>

function of(runs: object, changes: Partial<Run> = {}): Partial<ProvidedInput> {
  return { policy: policyOf({ runs }), run: { ...run, ...changes } }
}

function fromGit(changes: Partial<Run>, asked: object = wanted): Partial<ProvidedInput> {
  return of({ source: [asked] }, { source, taskSource: source, ...changes })
}

function requiring(requirement: object, changes: Partial<ProvidedInput> = {}): Partial<ProvidedInput> {
  return { provider: providerOf({ limits: { require: [requirement] } }), ...changes }
}

function inNamespace(namespaceLabels: Readonly<Record<string, string>> | undefined): Partial<ProvidedInput> {
  const provider = providerOf({ namespaceSelector: { matchLabels: { tenant: 'yes' } } })
  return { provider, subject: { ...factsOf().subject, namespaceLabels } }
}

function validated(expression: string, message = 'only main may deploy'): Partial<ProvidedInput> {
  const written = [{ name: 'main-only', expression, message }]
  return {
    policy: { ...policyOf({ validations: written }), validations: compileValidations(written) },
    run: { ...run, event },
  }
}

const nothingAgainst: readonly (readonly [Rule, string, Partial<ProvidedInput>])[] = [
  [runsAssurance, 'a policy that does not ask', { run: { ...run, assurance: 'none' } }],
  [runsAssurance, 'as much as is asked', of({ assurance: 'claimed' })],
  [runsAssurance, 'more than is asked', of({ assurance: 'claimed' }, { assurance: 'verified' })],
  [runsSource, 'a policy that does not ask', {}],
  [runsSource, 'pipeline and task from there', fromGit({})],
  [runsSource, 'any revision and file where none is named', fromGit({}, { uri })],
  [runsSource, 'a CustomRun, whose text is the Pipeline', fromGit({ taskSource: undefined, customRun })],
  [runsSource, 'a TaskRun that stands alone', fromGit({ source: undefined, pipelineRun: undefined })],
  [runsPodTemplate, 'a podTemplate where nothing speaks of it', of({}, { hasPodTemplate: true })],
  [runsPodTemplate, 'no podTemplate', of({ podTemplate: 'Deny' })],
  [
    runsPodTemplate,
    'a podTemplate that is allowed beside source',
    of({ source: [wanted], podTemplate: 'Allow' }, { hasPodTemplate: true }),
  ],
  [runsPipelines, 'a Pipeline that is named', of({ pipelines: ['x', 'release'] })],
  [
    runsEventListeners,
    'an event through one that is named',
    of({ eventListeners: [{ namespace: 'ci', name: 'github' }] }, { event }),
  ],
  [limitsRequire, 'scopes that are not meant', requiring({ scopes: ['image:*'], assurance: 'verified' })],
  [limitsRequire, 'a run as sure as is asked', requiring({ assurance: 'claimed' })],
  [limitsRequire, 'a provider that only asks for an approval', requiring({ approval: {} })],
  [
    providerNamespace,
    'a provider for all namespaces',
    { subject: { ...factsOf().subject, namespaceLabels: undefined } },
  ],
  [providerNamespace, 'a namespace that is selected', inNamespace({ tenant: 'yes' })],
  [validations, 'a validation that holds', validated('event.ref == "refs/heads/main"')],
]

const against: readonly (readonly [Rule, string, Partial<ProvidedInput>, string])[] = [
  [runsAssurance, 'less than is asked', of({ assurance: 'verified' }), 'run_assurance_too_low'],
  [runsAssurance, 'a pod of no run', of({ assurance: 'claimed' }, { assurance: 'none' }), 'run_assurance_too_low'],
  [runsSource, 'another repository', fromGit({ source: { ...source, uri: `${uri}x` } }), 'run_source_not_allowed'],
  [runsSource, 'a Pipeline stored in the cluster', fromGit({ source: undefined }), 'run_source_not_allowed'],
  [runsSource, 'a task stored in the cluster', fromGit({ taskSource: undefined }), 'run_source_not_allowed'],
  [
    runsSource,
    'a revision that only begins so',
    fromGit({ source: { ...source, revision: 'main-2' } }),
    'run_source_not_allowed',
  ],
  [
    runsSource,
    'the head of a pull request',
    fromGit({ source: { ...source, revision: 'refs/pull/7/head' } }),
    'run_source_not_allowed',
  ],
  [
    runsSource,
    'no revision where one is asked for',
    fromGit({ taskSource: { ...source, revision: undefined } }),
    'run_source_not_allowed',
  ],
  [
    runsSource,
    'another file',
    fromGit({ taskSource: { ...source, entryPoint: 'tasks/other.yaml' } }),
    'run_source_not_allowed',
  ],
  [
    runsSource,
    'a task from another source than the pipeline, though each is named',
    of(
      { source: [{ uri }, { uri: 'git+https://git.example.com/other.git' }] },
      { source, taskSource: { ...source, uri: 'git+https://git.example.com/other.git' } },
    ),
    'run_source_not_allowed',
  ],
  [
    runsPodTemplate,
    'a podTemplate that is denied',
    of({ podTemplate: 'Deny' }, { hasPodTemplate: true }),
    'pod_template_not_allowed',
  ],
  [
    runsPodTemplate,
    'a podTemplate beside source',
    of({ source: [wanted] }, { hasPodTemplate: true }),
    'pod_template_not_allowed',
  ],
  [runsPipelines, 'another Pipeline', of({ pipelines: ['x'] }), 'run_pipeline_not_allowed'],
  [runsPipelines, 'a run without one', of({ pipelines: ['x'] }, { pipeline: undefined }), 'run_pipeline_not_allowed'],
  [
    runsEventListeners,
    'a run without a verified event',
    of({ eventListeners: [{ namespace: 'ci', name: 'github' }] }),
    'run_event_not_allowed',
  ],
  [
    runsEventListeners,
    'an event through one of that name elsewhere',
    of({ eventListeners: [{ namespace: 'dev', name: 'github' }] }, { event }),
    'run_event_not_allowed',
  ],
  [
    limitsRequire,
    'a run less sure than is asked for some scope',
    requiring({ scopes: ['deploy:*'], assurance: 'verified' }),
    'run_assurance_too_low',
  ],
  [providerNamespace, 'a namespace that is not selected', inNamespace({ tenant: 'no' }), 'provider_namespace'],
  [providerNamespace, 'a namespace that is not known', inNamespace(undefined), 'provider_namespace'],
  [validations, 'one that is false', validated('event.ref == "x"'), 'validation_failed'],
  [validations, 'one that cannot be evaluated', validated('event.tag == "x"'), 'validation_error'],
  [validations, 'one that is no expression', validated('event.ref =='), 'policy_not_ready'],
  [
    validations,
    'those that cost too much',
    validated('request.scopes.all(s, s in request.scopes)'),
    'policy_not_ready',
  ],
  [
    validations,
    'a request that is bigger than expressions may be given',
    {
      ...validated('!agent'),
      subject: { ...factsOf().subject, serviceAccounts: Array.from({ length: 101 }, (_, at) => `a${at}`) },
    },
    'validation_error',
  ],
]

describe('rules about runs', () => {
  it.each(nothingAgainst)('$name has nothing against %s', (rule, _what, changes) => {
    expect(rule.check(inputOf(changes))).toBeUndefined()
  })

  it.each(against)('$name is against %s', (rule, _what, changes, reason) => {
    const refusal = rule.check(inputOf(changes))

    expect(refusal?.reason).toBe(reason)
    expect(refusal?.detail).toMatch(/\S/)
  })
})

describe('a refusal by a validation', () => {
  it.each([
    ['event.ref == "x"', 'only main may deploy.', 'Validation main-only refuses this: only main may deploy'],
    [
      'event.tag == "x"',
      'tag it',
      'Validation main-only cannot be evaluated for this request, and so it refuses: tag it',
    ],
    [
      'event.ref == "x"',
      'say "main" \\ nothing\n\u2028else',
      "Validation main-only refuses this: say 'main' ? nothing??else",
    ],
  ])('of %s shows name and message in what RFC 6749 lets stand', (expression, message, mend) => {
    expect(validations.check(inputOf(validated(expression, message)))?.mend).toBe(mend)
  })
})
