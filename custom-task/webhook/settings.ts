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
  /** Where tokens come from. */
  readonly brokerUrl: string
  /** Of the pod's own token: the broker's issuer URL. */
  readonly audience: string
  /** PEM authorities of the broker's certificate; undefined: the system's. */
  readonly ca: string | undefined
  readonly sidecarResources: Resources
  readonly gateResources: Resources
  /** Undefined leaves the choice to the platform, as OpenShift wants it. */
  readonly runAsUser: number | undefined
}
