import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readElf, trimElf } from './elf.ts'

/**
 * Fills a folder with all that Node needs to run in an image with nothing else: `node image-root.ts <folder>`.
 *
 * The program that runs this, its dynamic loader and libraries, and the few files that libc and Node read about names of
 * users and hosts. No shell, no package manager, nothing to install with. Runs while the image is built, in an image
 * with Node and glibc; certificates of public authorities are in Node itself.
 */
const [root] = process.argv.slice(2)
if (root === undefined) {
  process.stderr.write('Usage: node image-root.ts <folder>\n')
  process.exit(2)
}

/** Where the official image of Node, and Debian, keep the terms of what is copied here. */
const licences = [
  '/usr/local/LICENSE',
  ...['libatomic1', 'libc6', 'libgcc-s1', 'libstdc++6'].map((name) => `/usr/share/doc/${name}/copyright`),
]

const program = readFileSync(process.execPath)
const { interpreter } = readElf(program)
for (const file of [interpreter, ...libraries(interpreter)]) copyFileSync(file, place(file))
writeFileSync(place('/usr/local/bin/node'), trimElf(program), { mode: 0o755 })
for (const file of licences) if (existsSync(file)) copyFileSync(file, place(file))
writeFileSync(place('/etc/passwd'), 'root:x:0:0:root:/:/\nnonroot:x:65532:65532:nonroot:/:/\n')
writeFileSync(place('/etc/group'), 'root:x:0:\nnonroot:x:65532:\n')
// Otherwise some releases of glibc look into /etc/hosts only when no name server answers.
writeFileSync(place('/etc/nsswitch.conf'), 'passwd: files\ngroup: files\nhosts: files dns\n')

/** Files that the loader would map for Node, as the loader itself says it: `libm.so.6 => /lib/libm.so.6 (0x…)`. */
function libraries(loader: string): readonly string[] {
  const listed = execFileSync(loader, ['--list', process.execPath], { encoding: 'utf8' })
  return [...listed.matchAll(/=> (\/\S+) \(0x/g)].map(([, file = '']) => file)
}

/** The same path below the root, with its folder made. */
function place(file: string): string {
  const path = join(root ?? '', file)
  mkdirSync(dirname(path), { recursive: true })
  return path
}
