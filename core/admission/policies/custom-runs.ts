import { tektonOwners } from '../expressions.ts'
import type { AdmissionParties, AdmissionPolicy } from '../policy.ts'

const isOurs = (object: string) =>
  ['customRef', 'customSpec']
    .map(
      (field) =>
        `(has(${object}.spec) && has(${object}.spec.${field}) && has(${object}.spec.${field}.apiVersion) && ${object}.spec.${field}.apiVersion.startsWith('tokenbroker.dev/'))`,
    )
    .join(' || ')

const account =
  "has(object.spec.serviceAccountName) && object.spec.serviceAccountName != '' ? object.spec.serviceAccountName : 'default'"

const mayChange = "key in ['status', 'statusMessage']"

/** CustomRuns of our kinds; Tekton itself checks no update of a CustomRun. */
export function customRuns({ tektonControllers, controller }: AdmissionParties): AdmissionPolicy {
  return {
    name: 'custom-runs',
    closes: 'A CustomRun that asks for what its pipeline does not say, or in the name of an account that is not yours.',
    namespaces: 'all',
    rules: [
      {
        apiGroups: ['tekton.dev'],
        operations: ['CREATE', 'UPDATE'],
        resources: ['customruns', 'customruns/status'],
      },
    ],
    matchConditions: [
      {
        name: 'is-ours-or-by-our-controller',
        expression: `request.userInfo.username == ${controller} || ${isOurs('object')} || (oldObject != null && (${isOurs('oldObject')}))`,
      },
    ],
    variables: [
      { name: 'isStatus', expression: "has(request.subResource) && request.subResource == 'status'" },
      { name: 'serviceAccount', expression: account },
      {
        name: 'isMadeByTekton',
        expression: `request.userInfo.username in ${tektonControllers} && (${tektonOwners('object')}).size() > 0`,
      },
    ],
    validations: [
      {
        expression:
          "oldObject != null || variables.isMadeByTekton || authorizer.group('').resource('serviceaccounts').namespace(object.metadata.namespace).name(variables.serviceAccount).check('use').allowed()",
        message:
          'to make a CustomRun of this kind takes the verb use on the ServiceAccount that it names (spec.serviceAccountName)',
      },
      {
        expression: `oldObject == null || (object.spec.all(key, ${mayChange} || (key in oldObject.spec && oldObject.spec[key] == object.spec[key])) && oldObject.spec.all(key, ${mayChange} || key in object.spec))`,
        message: 'the spec of a CustomRun of this kind stays as it is, but for status and statusMessage',
      },
      {
        expression: `request.userInfo.username != ${controller} || (oldObject != null && (${isOurs('oldObject')}))`,
        message: 'the controller of this kind changes no CustomRuns of other kinds, although RBAC would let it',
      },
      {
        expression: `!variables.isStatus || request.userInfo.username == ${controller}`,
        message: 'only the controller of this kind writes the status of its CustomRuns',
      },
    ],
  }
}
