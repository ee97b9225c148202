/** CEL that several policies use. None of it can fail: a policy that cannot judge refuses. */

/** `PATH`, or `{}` where the object or the field is not there. */
export function mapOf(object: 'object' | 'oldObject', field: 'labels' | 'annotations'): string {
  const has = `has(${object}.metadata.${field}) ? ${object}.metadata.${field} : {}`
  return object === 'object' ? has : `oldObject != null && ${has}`
}

/** The ownerReferences that name a kind of Tekton's. */
export function tektonOwners(object: 'object' | 'oldObject'): string {
  const owners = `has(${object}.metadata.ownerReferences) ? ${object}.metadata.ownerReferences.filter(owner, owner.apiVersion.startsWith('tekton.dev/')) : []`
  return object === 'object' ? owners : `oldObject != null && ${owners}`
}

/** Whether what the variables `before` and `after` say of keys that fulfil `isOurs` is the same. */
export function isUnchanged(isOurs: string): string {
  return [
    `variables.after.filter(key, ${isOurs}).all(key, key in variables.before && variables.before[key] == variables.after[key])`,
    `variables.before.filter(key, ${isOurs}).all(key, key in variables.after)`,
  ].join(' && ')
}

/** The controller manager's own controllers, among them the garbage collector. */
export const isKubernetesController =
  "request.userInfo.username == 'system:kube-controller-manager' || (request.userInfo.username.startsWith('system:serviceaccount:kube-system:') && (request.userInfo.username.endsWith('-controller') || request.userInfo.username.endsWith(':generic-garbage-collector')))"
