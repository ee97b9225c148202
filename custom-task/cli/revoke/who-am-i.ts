import { z } from 'zod'
import type { KubeProbe } from '../../../core/io/kube/probe.ts'
import { CommandFailure, exitCodes } from '../command.ts'

const review = z.object({ status: z.object({ userInfo: z.object({ username: z.string().min(1) }) }) })

/** The person's user name as the API server knows it, however they log in. @throws CommandFailure; KubeUnreachable */
export async function whoAmI(probe: Pick<KubeProbe, 'post'>, signal: AbortSignal): Promise<string> {
  const question = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
  const { body } = await probe.post('/apis/authentication.k8s.io/v1/selfsubjectreviews', question, signal)
  const user = review.safeParse(body).data?.status.userInfo.username
  if (user !== undefined) return user
  const mend = 'The API server does not say who you are: kubectl auth whoami with the same context.'
  throw new CommandFailure(exitCodes.denied, mend)
}
