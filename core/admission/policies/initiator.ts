import { initiatorAnnotation } from '../../identity/initiator.ts'
import { mapOf } from '../expressions.ts'
import type { AdmissionParties, AdmissionPolicy } from '../policy.ts'

const key = `'${initiatorAnnotation}'`

/** The value is what the webhook writes with JSON.stringify: a name that JSON escapes cannot be written here, and is refused. */
const requester =
  '\'{"username":"\' + request.userInfo.username + \'","uid":"\' + (has(request.userInfo.uid) ? request.userInfo.uid : \'\') + \'"}\''

const valueIn = (map: string) => `${key} in ${map} ? ${map}[${key}] : ''`

/** Who made a run. Children carry what Tekton copied from their parent, which nobody reads. */
export function initiator({ tektonControllers }: AdmissionParties): AdmissionPolicy {
  return {
    name: 'initiator',
    closes: 'A run that names somebody else as the one who made it.',
    namespaces: 'all',
    rules: [
      {
        apiGroups: ['tekton.dev'],
        operations: ['CREATE', 'UPDATE'],
        resources: ['pipelineruns', 'taskruns', 'customruns'],
      },
    ],
    variables: [
      { name: 'beforeAll', expression: mapOf('oldObject', 'annotations') },
      { name: 'afterAll', expression: mapOf('object', 'annotations') },
      { name: 'before', expression: valueIn('variables.beforeAll') },
      { name: 'after', expression: valueIn('variables.afterAll') },
    ],
    validations: [
      {
        expression: 'oldObject == null || variables.before == variables.after',
        message: 'tokenbroker.dev/initiator stays as it was when the run was made',
      },
      {
        expression: `oldObject != null || variables.after == '' || variables.after == ${requester} || request.userInfo.username in ${tektonControllers}`,
        message: 'tokenbroker.dev/initiator names whoever makes the run; leave it out, the webhook writes it',
      },
    ],
  }
}
