import { isObject } from '../kube/json.ts'

export type Value = string | readonly string[] | Readonly<Record<string, string>>

/** What a variable stands for; `undefined` leaves it as it is written. */
export type Lookup = (variable: string) => Value | undefined

const anywhere = /\$\(([^()$]+)\)/g
const alone = /^\$\(([^()$]+)\)$/

/** `params["a.b"]` and `params['a.b']` are spellings of `params.a.b`. */
function plain(variable: string): string {
  return variable.replaceAll(/\[["']([^"']+)["']\]/g, '.$1')
}

function element(variable: string, lookup: Lookup): Value | undefined {
  const [, name = '', index = ''] = /^(.*)\[(\d+|\*)\]$/.exec(variable) ?? []
  if (name === '') return lookup(variable)
  const whole = lookup(name)
  if (index === '*') return whole
  return Array.isArray(whole) ? (whole as readonly string[])[Number(index)] : undefined
}

/** Replaces Tekton's `$(…)` variables in every text of a value. @see https://tekton.dev/docs/pipelines/variables/ */
export function substitute(value: unknown, lookup: Lookup): unknown {
  if (typeof value === 'string') {
    const [, variable = ''] = alone.exec(value) ?? []
    const whole = variable === '' ? undefined : element(plain(variable), lookup)
    if (whole !== undefined) return whole
    return value.replaceAll(anywhere, (text, inner: string) => {
      const found = element(plain(inner), lookup)
      return typeof found === 'string' ? found : text
    })
  }
  if (Array.isArray(value)) return value.flatMap((item) => spread(item, substitute(item, lookup)))
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, substitute(item, lookup)]))
}

/** `$(params.list[*])` as an item of a list becomes its items. */
function spread(before: unknown, after: unknown): readonly unknown[] {
  return typeof before === 'string' && Array.isArray(after) ? after : [after]
}

const resultReference = /\$\(tasks\.([^.()]+)\.results[.[]/g

/** Names of the pipeline tasks whose results a value uses. */
export function referencedTasks(value: unknown): readonly string[] {
  const names = [...JSON.stringify(value ?? null).matchAll(resultReference)].map((match) => match[1] ?? '')
  return [...new Set(names)]
}
