import { execFile } from 'node:child_process'
import { facts } from './cluster.ts'

export interface KubectlResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs kubectl as administrator, as a person would, and gives whatever comes of it. */
export function kubectl(...args: readonly string[]): Promise<KubectlResult> {
  const options = { maxBuffer: 64 * 1024 * 1024 }
  return new Promise((resolve, reject) => {
    execFile('kubectl', ['--kubeconfig', facts().kubeconfig, ...args], options, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') reject(error)
      else resolve({ code: Number(error?.code ?? 0), stdout, stderr })
    })
  })
}
