import type { FakeKube } from './server.ts'

export const tokenPolicy = {
  apiVersion: 'tokenbroker.dev/v1alpha1',
  kind: 'TokenPolicy',
  metadata: { name: 'deploy-staging', namespace: 'payments' },
  spec: { audience: 'https://deploy.example.com', scopes: ['deploy:staging'] },
}

export const customRun = {
  apiVersion: 'tekton.dev/v1beta1',
  kind: 'CustomRun',
  metadata: { name: 'token', namespace: 'payments' },
  spec: { customRef: { apiVersion: 'tokenbroker.dev/v1alpha1', kind: 'TokenExchange', name: 'deploy-staging' } },
}

/** ServiceAccount `deployer` and its pod `rollout` in namespace `payments`. */
export function addPod(kube: Pick<FakeKube, 'objects'>): void {
  const metadata = { name: 'deployer', namespace: 'payments' }
  kube.objects.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata })
  kube.objects.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'rollout', namespace: 'payments' },
    spec: { serviceAccountName: 'deployer', nodeName: 'node1' },
  })
}
