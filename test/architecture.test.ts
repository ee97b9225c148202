import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'

const sources = ['core', 'broker', 'custom-task'].flatMap((root) =>
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(root, file)),
)

interface Import {
  readonly from: string
  readonly to: string
}

const text = new Map(sources.map((file) => [file, readFileSync(file, 'utf8')]))

function specifiers(file: string): readonly string[] {
  const code = text.get(file) ?? ''
  return [
    ...code.matchAll(/^\s*(?:import|export)\b[^'"]*?from '([^']+)'|\bimport\('([^']+)'\)|^import '([^']+)'/gm),
  ].map((match) => match[1] ?? match[2] ?? match[3] ?? '')
}

function resolve(from: string, specifier: string): string {
  return specifier.startsWith('.') ? normalize(join(dirname(from), specifier)) : specifier
}

const imports: readonly Import[] = sources.flatMap((from) =>
  specifiers(from).map((specifier) => ({ from, to: resolve(from, specifier) })),
)

/** First two folders of a path: the room that a file is in. */
function room(file: string): string {
  const parts = file.split('/')
  return parts.length > 2 ? parts.slice(0, 2).join('/') : (parts[0] ?? '')
}

/** Where the parts of a process are joined. */
const joiners = ['broker', 'custom-task']

/** Contracts between rooms: they hold types, and anybody may read them. */
const seams = ['broker/providers/provider.ts', 'broker/audit/grant-book.ts', 'broker/policy/policy-store.ts']

const violations = {
  coreIsPure({ from, to }: Import): string | undefined {
    if (!from.startsWith('core/') || from.startsWith('core/io/')) return undefined
    if (to.startsWith('core/') && !to.startsWith('core/io/')) return undefined
    if (to === 'zod' || (to === 'node:crypto' && from.startsWith('core/audit/'))) return undefined
    return `${from} imports ${to}: core is pure, take it as a parameter (docs/architecture.md#who-imports-whom)`
  },
  coreIoKnowsOnlyCore({ from, to }: Import): string | undefined {
    if (!from.startsWith('core/io/') || !/^(?:broker|custom-task|test)\//.test(to)) return undefined
    return `${from} imports ${to}: core/io knows core and the world, not who uses it`
  },
  partsDoNotMeet({ from, to }: Import): string | undefined {
    const isAcross =
      (from.startsWith('broker/') && to.startsWith('custom-task/')) ||
      (from.startsWith('custom-task/') && to.startsWith('broker/'))
    return isAcross
      ? `${from} imports ${to}: broker and custom-task meet over HTTP only; what both need belongs in core`
      : undefined
  },
  siblingsMeetInTheApp({ from, to }: Import): string | undefined {
    if (!/^(?:broker|custom-task)\//.test(from) || !/^(?:broker|custom-task)\//.test(to)) return undefined
    if (room(from) === room(to) || joiners.includes(room(from)) || seams.includes(to)) return undefined
    // Contracts at the top of a part (types of a request, of an answer) are everybody's.
    if (joiners.includes(room(to))) return undefined
    return `${from} imports ${to}: pass the function in from app.ts or main.ts (docs/architecture.md#who-imports-whom)`
  },
  conformanceIsABlackBox({ from, to }: Import): string | undefined {
    const folder = 'custom-task/cli/conformance/'
    if (!from.startsWith(folder) || to.startsWith(folder) || to.startsWith('node:')) return undefined
    return `${from} imports ${to}: a conformance test knows nothing of what it tests, so that it can test others`
  },
  clientNodeHasOneDoor({ from, to }: Import): string | undefined {
    if (!to.startsWith('@kubernetes/client-node') || from === 'core/io/kube/credentials.ts') return undefined
    return `${from} imports ${to}: only core/io/kube/credentials.ts does, everything else goes through core/io/kube/client.ts`
  },
}

/** Files that may turn a Secret into text: the edges that send, verify or hash it. */
const mayReveal = JSON.parse(readFileSync('test/architecture/may-reveal.json', 'utf8')) as readonly string[]

/** The one maker of each branded type. */
const makers: Readonly<Record<string, string>> = {
  Workload: 'broker/identity/verify.ts',
  Allowance: 'core/policy/evaluate.ts',
  Grant: 'broker/approvals/settle.ts',
  Receipt: 'broker/audit/group-writer.ts',
  Counted: 'broker/counting.ts',
}

describe('the house', () => {
  it('has no room that imports what it must not', () => {
    const found = imports.flatMap((one) => Object.values(violations).map((rule) => rule(one)))
    expect(found.filter((message) => message !== undefined)).toEqual([])
  })

  it('has no import cycle, type imports included', () => {
    const graph = new Map(
      sources.map((file) => [file, imports.filter((one) => one.from === file).map((one) => one.to)]),
    )
    expect(findCycle(graph)).toBeUndefined()
  })

  it('keeps clocks, randomness and the environment out of core', () => {
    const pure = sources.filter((file) => file.startsWith('core/') && !file.startsWith('core/io/'))
    const found = pure.flatMap((file) =>
      matches(file, /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bprocess\.|\bBuffer\b/g),
    )
    expect(found).toEqual([])
  })

  it('reads the environment in main.ts only', () => {
    const others = sources.filter((file) => !file.endsWith('/main.ts'))
    expect(others.flatMap((file) => matches(file, /\bprocess\.env\b/g))).toEqual([])
  })

  it('reveals secrets in listed files only', () => {
    const revealing = sources.filter((file) => file !== 'core/secret.ts' && /\.reveal\(\)/.test(text.get(file) ?? ''))
    expect(revealing.toSorted()).toEqual([...mayReveal].toSorted())
  })

  it('makes each branded value in one place', () => {
    const casts = sources.flatMap((file) =>
      [...(text.get(file) ?? '').matchAll(/\bas (Workload|Allowance|Grant|Receipt|Counted)\b/g)].map(
        (match) => `${match[1]} ${file}`,
      ),
    )
    expect([...new Set(casts)].toSorted()).toEqual(
      Object.entries(makers)
        .map(([name, file]) => `${name} ${file}`)
        .toSorted(),
    )
  })

  it('has short files with names that say one thing', () => {
    const long = sources.filter((file) => (text.get(file) ?? '').split('\n').length > 301)
    const vague = sources.filter((file) => /\/(?:utils?|helpers?|common|misc|types|index)\.ts$/.test(file))
    const lengths = sources.map((file) => (text.get(file) ?? '').split('\n').length).toSorted((a, b) => a - b)
    expect({ long, vague }).toEqual({ long: [], vague: [] })
    expect(lengths[Math.floor(lengths.length / 2)]).toBeLessThanOrEqual(81)
  })

  it('has no default exports and no module mocks', () => {
    const tests = readdirSync('test', { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
    const mocks = tests.filter((file) =>
      /\bvi\.mock\(/.test(readFileSync(join('test', file), 'utf8').replaceAll(/\/[^/\n]*vi\\\.mock[^\n]*/g, '')),
    )
    expect(sources.filter((file) => /^export default\b/m.test(text.get(file) ?? ''))).toEqual([])
    expect(mocks).toEqual([])
  })
})

function matches(file: string, pattern: RegExp): readonly string[] {
  const code = (text.get(file) ?? '').replaceAll(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '')
  return [...code.matchAll(pattern)].map((match) => `${file}: ${match[0]}`)
}

function findCycle(graph: ReadonlyMap<string, readonly string[]>): string | undefined {
  const state = new Map<string, 'open' | 'done'>()
  function visit(file: string, path: readonly string[]): string | undefined {
    if (state.get(file) === 'done') return undefined
    if (state.get(file) === 'open') return [...path.slice(path.indexOf(file)), file].join(' -> ')
    state.set(file, 'open')
    for (const next of graph.get(file) ?? []) {
      const cycle = visit(next, [...path, file])
      if (cycle !== undefined) return cycle
    }
    state.set(file, 'done')
    return undefined
  }
  for (const file of graph.keys()) {
    const cycle = visit(file, [])
    if (cycle !== undefined) return cycle
  }
  return undefined
}
