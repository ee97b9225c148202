import type { ImageNames } from './facts.ts'

/**
 * How a person installs the product in the rig: with the images of this repository, and a volume that goes with the pod,
 * as the rig has no StorageClass.
 *
 * @returns shell, to be run inside at the root of the repository
 */
export function installCommand({ broker, task }: Pick<ImageNames, 'broker' | 'task'>): string {
  if (broker === null || task === null) throw new TypeError('the rig has no images of the product')
  return `helm upgrade --install tokenbroker charts --namespace tokenbroker-system --create-namespace --wait \\
    ${image('broker', broker)} \\
    ${image('task', task)} \\
    --set cluster.name=rig,broker.persistence.kind=emptyDir \\
    --set-json 'issuer.audiences=["https://deploy.example.com"]' --set-json 'issuer.scopes=["deploy:staging"]'`
}

function image(part: string, reference: string): string {
  const colon = reference.lastIndexOf(':')
  return `--set-string images.${part}.repository=${reference.slice(0, colon)},images.${part}.tag=${reference.slice(colon + 1)}`
}
