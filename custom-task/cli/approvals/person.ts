import { z } from 'zod'
import type { KubeProbe } from '../../../core/io/kube/probe.ts'
import { CommandFailure, exitCodes } from '../command.ts'

/** Who decides, as the API server knows them. */
export interface Person {
  readonly username: string
  readonly groups: readonly string[]
}

const review = z.object({
  status: z.object({
    userInfo: z.object({ username: z.string().min(1), groups: z.array(z.string()).default([]) }),
  }),
})

/** @throws CommandFailure where the API server does not say; KubeUnreachable */
export async function thisPerson(probe: Pick<KubeProbe, 'post'>, signal: AbortSignal): Promise<Person> {
  const question = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
  const { body } = await probe.post('/apis/authentication.k8s.io/v1/selfsubjectreviews', question, signal)
  const person = review.safeParse(body).data?.status.userInfo
  if (person !== undefined) return person
  const mend = 'The API server does not say who you are: kubectl auth whoami with the same context.'
  throw new CommandFailure(exitCodes.denied, mend)
}
