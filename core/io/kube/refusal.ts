import { Problem } from '../../problem.ts'
import { KubeError } from './api.ts'

/** Whether the API server answered that this process may not ask that (403), or that it does not know it (401). */
export function isRefusal(error: unknown): error is KubeError {
  return error instanceof KubeError && (error.status === 401 || error.status === 403)
}

/** Whether a list or watch was answered that there is no such kind (404): its CustomResourceDefinition is not installed. */
export function isUnknownKind(error: unknown): boolean {
  return error instanceof KubeError && error.status === 404
}

/**
 * What a failed call of our own means: `kubernetes_refused` where RBAC is to be mended, else `kubernetes_unavailable`.
 *
 * @param call names it for operators, such as `TokenReview`
 */
export function kubeProblem(call: string, cause: unknown): Problem {
  return isRefusal(cause)
    ? new Problem('kubernetes_refused', { detail: `${call} was refused (${cause.status})`, cause })
    : new Problem('kubernetes_unavailable', { detail: `${call} got no answer`, cause })
}
