import { delimiter, join } from 'node:path'
import { kubeconfigOf } from './credentials.ts'
import { factsVariable } from './facts.ts'
import { factsFile, state } from './places.ts'
import { toolFolder } from './tools.ts'

/** Temporary files of whoever works inside; they go with the rig. */
export const temporaryFolder = join(state, 'tmp')

/** What a command inside the rig finds in its environment: the cluster's login, its facts, kubectl and helm. */
export function insideEnvironment(): NodeJS.ProcessEnv {
  const { PATH = '' } = process.env
  return {
    ...process.env,
    KUBECONFIG: kubeconfigOf(state, 'admin'),
    [factsVariable]: factsFile,
    TMPDIR: temporaryFolder,
    PATH: [toolFolder, PATH].join(delimiter),
  }
}
