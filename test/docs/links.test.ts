import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'
import { blocks, type Page, pages, proseOf } from './pages.ts'

/** As GitHub makes anchors of headings. */
function anchorsOf(text: string): readonly string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

function brokenLinks(page: Page): readonly string[] {
  const links = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
  return links.filter((link) => {
    if (/^https?:/.test(link)) return false
    const [path = '', anchor] = link.split('#')
    const file = path === '' ? page.file : normalize(join(dirname(page.file), path))
    if (!existsSync(file)) return true
    return anchor !== undefined && !anchorsOf(readFileSync(file, 'utf8')).includes(anchor)
  })
}

const ownPath = /(?<![\w./-])(?:core|broker|custom-task|charts|tekton|test|docs|build)\/[\w./*-]*/g

/** Paths of this repository that a text names; those with a blank to fill in are nobody's. */
function pathsIn(text: string): readonly string[] {
  return [...text.matchAll(ownPath)]
    .filter(({ index, 0: path }) => !/[<{…]/.test(text.charAt(index + path.length)))
    .map(([path]) => path.replace(/[./]+$/, ''))
}

function exists(path: string): boolean {
  return path.includes('*') ? globSync(path).length > 0 : existsSync(path)
}

describe('the documentation', () => {
  it.each(pages.map((page) => [page.file, page] as const))('has links that lead somewhere in %s', (_file, page) => {
    expect(brokenLinks(page)).toEqual([])
  })

  it('holds no marks of a merge that nobody ended', () => {
    expect(pages.filter(({ text }) => /^(?:<{7}|={7}|>{7})(?: |$)/m.test(text)).map(({ file }) => file)).toEqual([])
  })

  it('names no path that does not exist', () => {
    const spans = pages.flatMap((page) =>
      [...proseOf(page).matchAll(/`([^`\n]+)`/g)].map(([, text = '']) => ({ file: page.file, text })),
    )
    const named = [...spans, ...blocks('sh')].flatMap(({ file, text }) => pathsIn(text).map((path) => ({ file, path })))

    expect(named.length).toBeGreaterThan(50)
    // A module path of Kubernetes' client is not one of ours.
    expect(named.filter(({ path }) => !exists(path))).toEqual([])
  })

  it('is found from the README', () => {
    const readme = readFileSync('README.md', 'utf8')
    const reference = globSync('docs/{reference,guides}/*.md').filter((file) => statSync(file).isFile())

    expect(reference.filter((file) => !readme.includes(`(${file}`))).toEqual([])
  })
})
