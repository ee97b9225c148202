/** A container's `resources`, in Kubernetes' form. */
export interface Resources {
  readonly requests?: Readonly<Record<string, string>>
  readonly limits?: Readonly<Record<string, string>>
}

/** What this installation puts into pods. */
export interface InjectionSettings {
  /** The task image, which holds sidecar and gate. */
  readonly image: string
  readonly imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never'
  /** Issuer URL of the broker: where tokens come from, and the audience of the pod's own token. */
  readonly brokerUrl: string
  /** PEM authorities of the broker's certificate; undefined: the system's. */
  readonly ca: string | undefined
  readonly sidecarResources: Resources
  readonly gateResources: Resources
  /** Undefined leaves the choice to the platform, as OpenShift wants it. */
  readonly runAsUser: number | undefined
}
