import { globSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { agentsConfig } from '../../broker/agents.ts'
import { brokerConfig } from '../../broker/config.ts'
import { apiGroupVersion } from '../../core/crd/kind.ts'
import { kinds } from '../../core/crd/kinds.ts'
import { controllerConfig } from '../../custom-task/controller/config.ts'
import { parseConfig } from '../../custom-task/sidecar/config.ts'
import { blocks } from './pages.ts'

const files = globSync('docs/**/*.yaml').map((file) => ({ file, text: readFileSync(file, 'utf8') }))

const documents = [...blocks('yaml'), ...files].flatMap(({ file, text }, index) =>
  parseAllDocuments(text).map((document) => ({
    where: `${file} (${index})`,
    faults: [...document.errors, ...document.warnings].map((error) => error.message),
    value: document.toJS() as Readonly<Record<string, unknown>>,
  })),
)

/** Everything in a document that is written like an object of Kubernetes. */
const ownObjects = documents.filter(({ value }) => value?.['apiVersion'] === apiGroupVersion)

describe('YAML in the documentation', () => {
  it('has no mistakes', () => {
    expect(documents.length).toBeGreaterThan(10)
    expect(documents.filter(({ faults }) => faults.length > 0)).toEqual([])
  })

  it.each(ownObjects.map(({ where, value }) => [String(value['kind']), where, value] as const))(
    'shows a %s that is one, in %s',
    (name, _where, value) => {
      const kind = kinds.find((one) => one.kind === name)
      const metadata = value['metadata'] as { readonly namespace?: string }

      expect(kind?.spec.safeParse(value['spec']).error?.issues ?? []).toEqual([])
      expect(metadata.namespace !== undefined).toBe(kind?.scope === 'Namespaced')
    },
  )

  it('shows objects of every kind that can have objects', () => {
    const shown = new Set(ownObjects.map(({ value }) => value['kind']))

    const kindsOfPeople = ['ClusterTokenProvider', 'ClusterTokenPolicy', 'TokenPolicy']
    expect(kindsOfPeople.filter((kind) => !shown.has(kind))).toEqual([])
  })

  it.each([
    ['docs/reference/broker-config.md', (value: unknown) => brokerConfig.parse(value)],
    ['docs/reference/controller-config.md', (value: unknown) => controllerConfig.parse(value)],
    ['docs/guides/sidecar.md', (value: unknown) => parseConfig(value)],
    ['docs/guides/agents.md', (value: unknown) => z.strictObject({ agents: agentsConfig }).parse(value)],
  ])('shows a configuration that works in %s', (file, parse) => {
    const [example] = documents.filter(({ where }) => where.startsWith(file))

    expect(() => parse(example?.value)).not.toThrow()
  })
})
