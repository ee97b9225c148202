import type { KubeObject } from '../../../core/io/kube/api.ts'
import type { Admission, Admit } from './admission-request.ts'
import { admitBuiltin } from './builtin-admission.ts'
import { admitCustomRun } from './custom-run.ts'
import { admitOwnKind } from './own-kinds.ts'
import type { ApiResource } from './resources.ts'
import { admitRun } from './run-admission.ts'

function unchecked({ object }: Admission): KubeObject {
  return object
}

function admitFor({ group, plural }: ApiResource): Admit {
  if (group === 'tokenbroker.dev') return admitOwnKind
  if (group !== 'tekton.dev') return admitBuiltin
  if (plural === 'customruns') return admitCustomRun
  return plural === 'taskruns' || plural === 'pipelineruns' ? admitRun : unchecked
}

/** Defaulting, pruning and validation of one kind. @throws ApiError 400, 403 or 422 */
export function admit(admission: Admission): KubeObject {
  return admitFor(admission.resource)(admission)
}
