import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { run } from '../../cluster/rig/command.ts'
import { granted } from '../../fakes/broker.ts'
import { giving, type Scene, startScene } from './scene.ts'
import { startGitServer } from './servers/git.ts'
import { createTokens, type Tokens } from './tokens.ts'

/** A server with one empty repository, `app.git`. */
async function startServer(tokens: Tokens): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'git-server-'))
  onTestFinished(() => rm(root, { recursive: true }))
  await run('git', ['init', '-q', '--bare', '-b', 'main', join(root, 'app.git')])
  return await startGitServer(root, tokens.isValid)
}

async function pushOneFile(scene: Scene, url: string): Promise<void> {
  const work = join(scene.home, 'work')
  await mkdir(work)
  await writeFile(join(work, 'README'), 'hello\n')
  const author = ['-c', 'user.name=ci', '-c', 'user.email=ci@example.com']
  for (const args of [
    ['init', '-q', '-b', 'main'],
    ['add', '.'],
    [...author, 'commit', '-q', '-m', 'first'],
    ['push', '-q', `${url}/app.git`, 'main'],
  ]) {
    expect(await scene.run('git', args, { cwd: work, env: quiet })).toMatchObject({ code: 0, stderr: '' })
  }
}

const quiet = { GIT_TERMINAL_PROMPT: '0' }

test('git clones, pushes and fetches with a token that changes meanwhile, and stores it nowhere', async () => {
  const tokens = createTokens()
  const url = await startServer(tokens)
  const annotations = { inject: 'source', as: 'git' }
  const scene = await startScene({
    annotations,
    policies: { source: { audience: url, scopes: ['push'] } },
    answer: giving(tokens.issue, 4),
  })
  // as Tekton's own credentials set it: in the home directory, which the steps of a Task share
  await writeFile(join(scene.home, '.gitconfig'), '[credential]\n\thelper = store\n')

  await pushOneFile(scene, url)
  const first = await readFile(join(scene.directory, 'source/git-credentials'), 'utf8')
  await expect.poll(() => tokens.isValid(tokens.issued[0] ?? ''), { timeout: 10_000 }).toBe(false)
  const clone = await scene.run('git', ['clone', '-q', `${url}/app.git`, 'clone'], { env: quiet })

  expect(clone).toEqual({ code: 0, stdout: '', stderr: '' })
  expect(await readFile(join(scene.home, 'clone/README'), 'utf8')).toBe('hello\n')
  expect(await readFile(join(scene.directory, 'source/git-credentials'), 'utf8')).not.toBe(first)
  expect(await readdir(scene.home)).not.toContain('.git-credentials')
})

test('git finds a token of its own for each of two servers', async () => {
  const all = { source: createTokens(), mirror: createTokens() }
  const [source, mirror] = [await startServer(all.source), await startServer(all.mirror)]
  const scene = await startScene({
    annotations: { inject: 'source,copy=mirror', as: 'source=git,copy=git' },
    policies: { source: { audience: source, scopes: ['a'] }, mirror: { audience: `${mirror}/team`, scopes: ['a'] } },
    answer: ({ form }) => granted(all[form.get('policy') as keyof typeof all].issue(300), 300),
  })

  for (const url of [source, mirror]) {
    expect(await scene.run('git', ['ls-remote', `${url}/app.git`], { env: quiet })).toMatchObject({ code: 0 })
  }
})

test('git shows the token to no other server', async () => {
  const tokens = createTokens()
  const [url, other] = [await startServer(tokens), await startServer(tokens)]
  const scene = await startScene({
    annotations: { inject: 'source', as: 'git' },
    policies: { source: { audience: url, scopes: ['a'] } },
    answer: giving(tokens.issue),
  })
  const { code, stderr } = await scene.run('git', ['ls-remote', `${other}/app.git`], { env: quiet })

  expect([code, stderr]).toEqual([128, expect.stringContaining('could not read Username')])
})
