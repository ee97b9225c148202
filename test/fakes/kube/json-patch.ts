import { isDeepStrictEqual } from 'node:util'
import { at, isObject } from './json.ts'
import { ApiError, badRequest } from './status.ts'

type Container = Record<string, unknown> | unknown[]

function impossible(why: string): ApiError {
  return new ApiError(422, 'Invalid', `the server rejected our request due to an error in our request: ${why}`)
}

/** @see RFC 6901 §4 */
function pointer(text: unknown): string[] {
  if (typeof text !== 'string' || (text !== '' && !text.startsWith('/'))) throw badRequest('invalid JSON pointer')
  return text
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function isContainer(value: unknown): value is Container {
  return typeof value === 'object' && value !== null
}

function index(list: readonly unknown[], token: string, isInsertion: boolean): number {
  const last = isInsertion ? list.length : list.length - 1
  if (isInsertion && token === '-') return list.length
  if (!/^(0|[1-9]\d*)$/.test(token) || Number(token) > last) throw impossible(`no array index ${token}`)
  return Number(token)
}

function read(container: Container, token: string): unknown {
  if (Array.isArray(container)) return container[index(container, token, false)]
  if (!Object.hasOwn(container, token)) throw impossible(`missing path ${token}`)
  return container[token]
}

function get(document: unknown, tokens: readonly string[]): unknown {
  return tokens.reduce((value, token) => {
    if (!isContainer(value)) throw impossible(`missing path ${token}`)
    return read(value, token)
  }, document)
}

/** Applies an edit to the parent of the place that the pointer names; the whole document sits under key ''. */
function edit(
  root: { '': unknown },
  tokens: readonly string[],
  apply: (parent: Container, token: string) => void,
): void {
  const path = ['', ...tokens]
  const parent = get(root, path.slice(0, -1))
  if (!isContainer(parent)) throw impossible('missing path')
  apply(parent, path.at(-1) ?? '')
}

function insert(value: unknown): (parent: Container, token: string) => void {
  return (parent, token) => {
    if (Array.isArray(parent)) parent.splice(index(parent, token, true), 0, value)
    else parent[token] = value
  }
}

function remove(parent: Container, token: string): void {
  read(parent, token)
  if (Array.isArray(parent)) parent.splice(index(parent, token, false), 1)
  else delete parent[token]
}

function replace(value: unknown): (parent: Container, token: string) => void {
  return (parent, token) => {
    read(parent, token)
    if (Array.isArray(parent)) parent[index(parent, token, false)] = value
    else parent[token] = value
  }
}

type Operation = (root: { '': unknown }, path: readonly string[], operation: Record<string, unknown>) => void

function wanted(operation: Record<string, unknown>): unknown {
  if (!Object.hasOwn(operation, 'value')) throw badRequest('json patch operation without value')
  return operation['value']
}

const operations: Readonly<Record<string, Operation>> = {
  add: (root, path, operation) => edit(root, path, insert(wanted(operation))),
  remove: (root, path) => edit(root, path, remove),
  replace: (root, path, operation) => edit(root, path, replace(wanted(operation))),
  move(root, path, operation) {
    const from = pointer(operation['from'])
    const value = get(root, ['', ...from])
    edit(root, from, remove)
    edit(root, path, insert(value))
  },
  copy: (root, path, operation) =>
    edit(root, path, insert(structuredClone(get(root, ['', ...pointer(operation['from'])])))),
  test(root, path, operation) {
    const isEqual = isDeepStrictEqual(get(root, ['', ...path]), wanted(operation))
    if (!isEqual) throw impossible(`testing path /${path.join('/')} value failed`)
  },
}

/** All operations or none. @see RFC 6902. @throws ApiError 400 for a malformed patch, 422 for one that does not apply */
export function applyJsonPatch(document: object, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw badRequest('json patch must be an array')
  if (patch.length > 10_000) throw new ApiError(413, 'RequestEntityTooLarge', 'the allowed maximum operations is 10000')
  const root = { '': structuredClone(document) as unknown }
  for (const operation of patch) {
    const apply = isObject(operation) ? operations[String(operation['op'])] : undefined
    if (apply === undefined) throw badRequest('unexpected kind of json patch operation')
    apply(root, pointer(at(operation, 'path')), operation as Record<string, unknown>)
  }
  return root['']
}
