import { delimiter, join } from 'node:path'
import { kubeconfigOf } from './credentials.ts'
import { factsVariable } from './facts.ts'
import { factsFile, state } from './places.ts'

/** What a command inside the rig finds in its environment: the cluster's login, its facts, and kubectl. */
export function insideEnvironment(): NodeJS.ProcessEnv {
  const { PATH = '' } = process.env
  return {
    ...process.env,
    KUBECONFIG: kubeconfigOf(state, 'admin'),
    [factsVariable]: factsFile,
    PATH: [join(state, 'bin'), PATH].join(delimiter),
  }
}
