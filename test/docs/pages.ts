import { globSync, readFileSync } from 'node:fs'

/** One page of documentation. */
export interface Page {
  readonly file: string
  readonly text: string
}

export interface Block {
  readonly file: string
  readonly language: string
  readonly text: string
}

/** Every Markdown page that people read. */
export const pages: readonly Page[] = ['*.md', 'docs/**/*.md', 'tekton/**/*.md', 'test/**/*.md']
  .flatMap((pattern) => globSync(pattern))
  .sort()
  .map((file) => ({ file, text: readFileSync(file, 'utf8') }))

const fence = /^```(\w+)\n(.*?)^```$/gms

/** Fenced blocks of all pages in one language. */
export function blocks(language: string, from: readonly Page[] = pages): readonly Block[] {
  return from.flatMap(({ file, text }) =>
    [...text.matchAll(fence)].flatMap(([, found = '', content = '']) =>
      found === language ? [{ file, language, text: content }] : [],
    ),
  )
}

/** A page without its fenced blocks. */
export function proseOf({ text }: Page): string {
  return text.replaceAll(fence, '')
}
