import {
  gateContainer,
  healthPort,
  identityDirectory,
  identityVolume,
  sidecarContainer,
  terminationLog,
  tokenRoot,
  tokenVolume,
} from './names.ts'
import type { InjectionSettings } from './settings.ts'

/** What differs between pods. */
export interface PodNeeds {
  /** See `sidecarConfig`. */
  readonly config: string
  /** Tokens times steps, and half for each form: how much the volume has to hold. */
  readonly deliveries: number
  readonly waitSeconds: number
  readonly isOptional: boolean
}

export interface OurParts {
  readonly sidecar: object
  readonly gate: object
  readonly volumes: readonly object[]
}

/** Life of the pod's own token; the kubelet renews it at 80 percent. */
const identitySeconds = 3600

export function ourParts(needs: PodNeeds, settings: InjectionSettings): OurParts {
  return { sidecar: sidecar(needs, settings), gate: gate(needs, settings), volumes: volumes(needs, settings) }
}

/** A native sidecar: up before every other container, ended by the kubelet after the last step. */
function sidecar({ config }: PodNeeds, settings: InjectionSettings): object {
  return {
    name: sidecarContainer,
    ...image(settings),
    // The image's entrypoint is node; small semi-spaces keep its memory small.
    args: ['--max-semi-space-size=2', '/app/sidecar.mjs', '--config-json', config],
    restartPolicy: 'Always',
    // No startup probe: the gate waits for the tokens themselves, and a probe would add up to its period of a second.
    readinessProbe: { httpGet: { path: '/readyz', port: healthPort }, periodSeconds: 5, failureThreshold: 3 },
    resources: settings.sidecarResources,
    securityContext: securityContext(settings),
    terminationMessagePath: terminationLog,
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [
      { name: tokenVolume, mountPath: tokenRoot },
      { name: identityVolume, mountPath: identityDirectory, readOnly: true },
      noApiToken,
    ],
  }
}

/** Holds the steps back until every token is there, and fails the pod where one is refused: a sidecar cannot. */
function gate({ waitSeconds, isOptional }: PodNeeds, settings: InjectionSettings): object {
  return {
    name: gateContainer,
    ...image(settings),
    args: [
      '/app/gate.mjs',
      ...['--timeout', `${waitSeconds}s`, '--message-file', terminationLog],
      ...(isOptional ? ['--optional'] : []),
    ],
    terminationMessagePath: terminationLog,
    resources: settings.gateResources,
    securityContext: securityContext(settings),
    // What it said, the sentence with the mend, is then in the pod's status, where the controller reads it.
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: [noApiToken],
  }
}

function volumes({ deliveries }: PodNeeds, { audience }: InjectionSettings): readonly object[] {
  return [
    { name: tokenVolume, emptyDir: { medium: 'Memory', sizeLimit: `${1 + Math.ceil(deliveries / 8)}Mi` } },
    {
      name: identityVolume,
      projected: {
        sources: [{ serviceAccountToken: { audience, expirationSeconds: identitySeconds, path: 'token' } }],
      },
    },
  ]
}

/**
 * An empty directory where the API server would otherwise mount the ServiceAccount's token for itself, as it does in
 * every container that mounts nothing there.
 */
const noApiToken = {
  name: tokenVolume,
  mountPath: '/var/run/secrets/kubernetes.io/serviceaccount',
  subPath: '.none',
  readOnly: true,
} as const

function image({ image, imagePullPolicy }: InjectionSettings): object {
  return { image, imagePullPolicy }
}

/** Pod Security Standard restricted, and a root file system that nobody writes to. */
function securityContext({ runAsUser }: InjectionSettings): object {
  return {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    privileged: false,
    readOnlyRootFilesystem: true,
    runAsNonRoot: true,
    ...(runAsUser === undefined ? {} : { runAsUser, runAsGroup: runAsUser }),
    seccompProfile: { type: 'RuntimeDefault' },
  }
}
