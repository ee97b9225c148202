import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'

const kubeconfig = z.looseObject({
  users: z.array(
    z.looseObject({ name: z.string(), user: z.looseObject({ tokenFile: z.string().min(1).optional() }).nullish() }),
  ),
})

/**
 * Where a kubeconfig says that a user's token lies: `users[].user.tokenFile`, which the Kubernetes library does not read.
 *
 * @returns an absolute path; a relative one is meant from the kubeconfig on
 * @throws Error that does not repeat the file
 */
export async function kubeconfigTokenFile(file: string, userName: string): Promise<string | undefined> {
  // By its default export: in a bundle a CommonJS module that is imported on demand has no other.
  const { default: yaml } = await import('yaml')
  const text = await readFile(file, 'utf8')
  const { success, data } = kubeconfig.safeParse(quietly(() => yaml.parse(text)))
  if (!success) throw new Error(`Kubeconfig ${file} cannot be read: it must be a kubeconfig in YAML`)
  const tokenFile = data.users.find(({ name }) => name === userName)?.user?.tokenFile
  return tokenFile === undefined ? undefined : resolve(dirname(file), tokenFile)
}

/** The parser's own message quotes the lines around a mistake. */
function quietly(work: () => unknown): unknown {
  try {
    return work()
  } catch {
    return undefined
  }
}
