import { tektonOwners } from '../expressions.ts'
import type { AdmissionParties, AdmissionPolicy } from '../policy.ts'

/** Images are what Kubernetes lets change in a running pod: the kubelet starts the container again with the new one. */
export function podImages({ tektonControllers }: AdmissionParties): AdmissionPolicy {
  const images = (object: string, list: string) =>
    `(has(${object}.spec.${list}) ? ${object}.spec.${list}.map(container, container.image) : [])`
  return {
    name: 'pod-images',
    closes: "Another program in a running step: the image of a TaskRun's pod stays as Tekton made it.",
    namespaces: 'all',
    rules: [{ apiGroups: [''], operations: ['UPDATE'], resources: ['pods'] }],
    matchConditions: [
      { name: 'is-not-tekton', expression: `!(request.userInfo.username in ${tektonControllers})` },
      { name: 'is-of-a-run', expression: `(${tektonOwners('oldObject')}).size() > 0` },
    ],
    validations: ['containers', 'initContainers'].map((list) => ({
      expression: `${images('object', list)} == ${images('oldObject', list)}`,
      message: `only Tekton changes images of pods of a TaskRun (spec.${list})`,
    })),
  }
}
