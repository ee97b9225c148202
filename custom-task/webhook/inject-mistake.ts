import { name } from '../../core/crd/fields.ts'

/** What is wrong with `inject`, for a list that cannot be read; undefined where the form of it says enough. */
export function injectMistake(text: string): string | undefined {
  const items = text.split(',').map((item) => item.trim())
  if (items.some((item) => /\s/.test(item))) return 'separate policies by commas'
  const words = items.flatMap((item) => item.split('='))
  const wrong = words.find((word) => word !== '' && !name.safeParse(word).success)
  if (wrong !== undefined) return `${shown(wrong)} is no name: lowercase letters, digits, - and .`
  const locals = items.map((item) => item.split('=')[0] ?? '')
  const twice = items.find((_, at) => locals.indexOf(locals[at] ?? '') !== at)
  if (twice === undefined || twice === '') return undefined
  return `${twice.includes('=') ? 'alias' : 'policy'} ${twice.split('=')[0]} is given twice`
}

/** What is no word may be something else, such as a token: it is not repeated. */
function shown(word: string): string {
  return /^[A-Za-z_-]{1,32}$/.test(word) ? word : 'one of them'
}
