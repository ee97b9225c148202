/** On a run, a TaskRun or a pod: says that an agent is at work. Anybody may write it, so it only ever restricts. */
export const agentAnnotation = 'tokenbroker.dev/agent'

interface Annotated {
  readonly annotations?: Readonly<Record<string, string>> | undefined
  readonly labels?: Readonly<Record<string, string>> | undefined
}

/** Whether one of the objects says so, by annotation or label. Every value but `false` does: a typing error restricts. */
export function isMarkedAgent(...objects: readonly Annotated[]): boolean {
  return objects.some(({ annotations, labels }) => {
    return [annotations?.[agentAnnotation], labels?.[agentAnnotation]].some(
      (value) => value !== undefined && value !== 'false',
    )
  })
}
