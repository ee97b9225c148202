import { readFileSync } from 'node:fs'

/** A request and the answer that the page shows for it. */
export interface HttpExample {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** `name=value` lines, as written. */
  readonly parameters: readonly (readonly [string, string])[]
  readonly answer: {
    readonly status: number
    readonly headers: Readonly<Record<string, string>>
    readonly body: unknown
  }
}

/** The fenced http blocks of a page, two by two. */
export function readExamples(file: string): readonly HttpExample[] {
  const blocks = [...readFileSync(file, 'utf8').matchAll(/^```http\n(.*?)^```$/gms)].map(([, text = '']) => split(text))
  if (blocks.length === 0 || blocks.length % 2 !== 0) throw new Error(`${file} has a request without an answer`)
  return blocks.flatMap((request, index) => {
    const answer = blocks[index + 1]
    if (index % 2 === 1 || answer === undefined) return []
    const [method = '', path = ''] = request.start.split(' ')
    const body: unknown = JSON.parse(answer.body)
    return [
      {
        method,
        path,
        headers: request.headers,
        parameters: request.body.split('\n').map(parameter),
        answer: { status: Number(answer.start.split(' ')[1]), headers: answer.headers, body },
      },
    ]
  })
}

/** Puts the known values in the place of `<…>`. */
export function fill(text: string, values: ReadonlyMap<string, string>): string {
  return text.replaceAll(/<([a-z0-9 ]+)>/g, (whole, name: string) => {
    const value = values.get(name)
    if (value === undefined) throw new Error(`nobody says what ${whole} is`)
    return value
  })
}

/** Learns what an answer has in the place of `<…>`, for later requests. */
export function learn(expected: unknown, given: unknown, values: Map<string, string>): void {
  if (typeof expected === 'string' && typeof given === 'string') {
    const [, name] = /^<([a-z0-9 ]+)>$/.exec(expected) ?? []
    if (name !== undefined && !values.has(name)) values.set(name, given)
    return
  }
  if (typeof expected !== 'object' || expected === null || typeof given !== 'object' || given === null) return
  for (const [key, value] of Object.entries(expected)) learn(value, Reflect.get(given, key), values)
}

function split(text: string): { start: string; headers: Record<string, string>; body: string } {
  const [head = '', ...rest] = text.trim().split('\n\n')
  const [start = '', ...fields] = head.split('\n')
  return { start, headers: Object.fromEntries(fields.map((field) => field.split(': '))), body: rest.join('\n\n') }
}

function parameter(line: string): readonly [string, string] {
  const equals = line.indexOf('=')
  return [line.slice(0, equals), line.slice(equals + 1)]
}
