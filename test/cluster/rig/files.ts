import { access } from 'node:fs/promises'
import { run } from './command.ts'

export function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

/** Whether a folder lies on an overlay, as in most containers: no second overlay can be put on one. */
export async function liesOnOverlay(folder: string): Promise<boolean> {
  return (await run('stat', ['-f', '-c', '%T', folder])).startsWith('overlay')
}
