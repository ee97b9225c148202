import type { InstalledObject } from '../../../core/admission/judge.ts'
import { type ExpectedPolicy, expectedPolicies } from '../../../core/admission/settings.ts'

export const settings = {
  release: 'tokenbroker',
  namespace: 'tokenbroker-system',
  tektonControllers: ['tekton-pipelines/tekton-pipelines-controller'],
  eventListeners: ['ci/github'],
  broker: 'tokenbroker-system/tokenbroker-broker',
  controller: 'tokenbroker-system/tokenbroker-controller',
}
export const audience = 'https://tokenbroker.example.com'
export const expected: readonly ExpectedPolicy[] = expectedPolicies(settings, audience)

/** Metadata of an object that was written once, as the API server notes it. */
export function writtenAt(time: string, fields: object = { 'f:spec': {} }) {
  return { creationTimestamp: time, managedFields: [{ manager: 'helm', operation: 'Apply', time, fieldsV1: fields }] }
}

/** Everything in place since a time. */
export function installedAt(time: string) {
  const objects = (kind: 'policy' | 'binding') =>
    new Map<string, InstalledObject>(
      expected.map((one) => [one.name, { metadata: { name: one.name, ...writtenAt(time) }, spec: one[kind] }]),
    )
  return { policies: objects('policy'), bindings: objects('binding') }
}
