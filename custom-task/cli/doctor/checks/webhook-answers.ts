import { z } from 'zod'
import { type Check, fail, ok, warn } from '../check.ts'
import { registeredWebhooks } from '../webhooks.ts'

const refusal = z.object({ message: z.string() })

/**
 * A pod as somebody forges one: it names a TaskRun that does not exist, and asks for a token. Our webhook refuses it, so
 * its refusal proves the whole way: registration, CA bundle, certificate, Service, pod, and the webhook's own rights.
 */
const forged = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    generateName: 'tokenbroker-doctor-',
    labels: { 'tekton.dev/taskRun': 'tokenbroker-doctor' },
    annotations: { 'tokenbroker.dev/inject': 'tokenbroker-doctor' },
    ownerReferences: [
      {
        apiVersion: 'tekton.dev/v1',
        kind: 'TaskRun',
        name: 'tokenbroker-doctor',
        uid: '00000000-0000-0000-0000-000000000000',
        controller: true,
      },
    ],
  },
  spec: {
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'step-none',
        image: 'tokenbroker.invalid/none',
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
    ],
  },
}

export const webhookAnswers: Check = {
  name: 'webhook answers',
  async run(site) {
    await registeredWebhooks(site)
    const { status, body } = await site.tryPod(forged)
    const message = refusal.safeParse(body).data?.message ?? ''
    // ValidatingAdmissionPolicies judge what every webhook that may change it has let through.
    if (status === 201 || /: ValidatingAdmissionPolicy '[^']*-provenance' with binding /.test(message)) {
      return fail(
        `A pod in ${site.tryIn} passed the webhook unseen: the API server cannot reach it, or the namespace is left out.`,
        "The lines above say which; --try-in names a namespace where pipelines run. The API server's log has the error.",
      )
    }
    // There is no field that says which webhook refused: the API server's sentence is the only place.
    if (/^admission webhook "inject(?:-required)?\.tokenbroker\.dev" denied the request/.test(message)) {
      return ok('It refuses a forged pod, so the API server reaches it and trusts its certificate.')
    }
    if (/failed calling webhook "inject(?:-required)?\.tokenbroker\.dev"/.test(message)) {
      return fail(
        `The API server cannot call the webhook, and pods of ${site.tryIn} are refused.`,
        'The lines on its CA bundle, certificate and endpoints say which of them it is.',
      )
    }
    // The one thing in the path that may be missing.
    if (status === 404) {
      return warn(
        `There is no namespace ${site.tryIn} to try a pod in.`,
        'Name a namespace where pipelines run with --try-in.',
      )
    }
    return warn(
      `A pod cannot be tried in ${site.tryIn}: it was answered ${status} by something before the webhook.`,
      'Name a namespace where pipelines run with --try-in.',
    )
  },
}
