/** An image archive in the cache, ready to be imported by containerd. */
export interface Image {
  readonly name: string
  /** How a pod names it. Never `:latest`, for which the kubelet would try to pull. */
  readonly reference: string
  readonly archive: string
  /** Changes with anything that could change the content. */
  readonly key: string
}
