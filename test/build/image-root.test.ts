import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readElf } from '../../build/elf.ts'
import { childEnvironment } from '../child-environment.ts'

let root = ''

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'tokenbroker-root-'))
  execFileSync(process.execPath, ['build/image-root.ts', root], { env: childEnvironment() })
})

afterAll(() => rmSync(root, { recursive: true, force: true }))

/** Node of the root, by the loader and the libraries of the root alone. */
function runInRoot(program: string): string {
  const { interpreter } = readElf(readFileSync(join(root, 'usr/local/bin/node')))
  const folders = [...new Set(files().filter((file) => /\.so\b/.test(file)))].map((file) => join(root, file, '..'))
  const args = ['--inhibit-cache', '--library-path', folders.join(':'), join(root, 'usr/local/bin/node'), '-p', program]
  return execFileSync(join(root, interpreter), args, { encoding: 'utf8', env: {} }).trim()
}

function files(): readonly string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
}

describe('the root of the images', () => {
  it('holds Node, what it is linked against and what says names, and no other program', () => {
    const unexpected = files().filter(
      (file) => !/\/lib[a-z+_]+\.so\.\d+$|\/ld-[\w.-]+\.so\.\d$|\/(?:LICENSE|copyright)$/.test(file),
    )

    expect(unexpected.toSorted()).toEqual(['/etc/group', '/etc/nsswitch.conf', '/etc/passwd', '/usr/local/bin/node'])
  })

  it('has a Node that works with its own libraries alone', () => {
    const mapped = `require('fs').readFileSync('/proc/self/maps', 'utf8').match(/\\S+\\.so[.\\d]*$/gm).every((file) => file.startsWith('${root}'))`
    const german = `new Intl.DateTimeFormat('de', { dateStyle: 'full', timeZone: 'UTC' }).format(0)`
    const signed = `require('crypto').createHash('sha256').update('').digest('hex').slice(0, 8)`

    expect(runInRoot(`JSON.stringify([process.version, ${mapped}, ${german}, ${signed}])`)).toBe(
      JSON.stringify([process.version, true, 'Donnerstag, 1. Januar 1970', 'e3b0c442']),
    )
  })

  it('has a Node without symbols and debug information', () => {
    const { size } = statSync(join(root, 'usr/local/bin/node'))
    const program = readFileSync(process.execPath)

    expect(size).toBe(readElf(program).loadedBytes)
    expect(size).toBeLessThanOrEqual(program.byteLength)
  })

  it('can be read and run by any user', () => {
    expect(statSync(join(root, 'usr/local/bin/node')).mode & 0o777).toBe(0o755)
    expect(files().filter((file) => (statSync(join(root, file)).mode & 0o444) !== 0o444)).toEqual([])
  })
})

describe('readElf', () => {
  it.each([
    ['a text', Buffer.from('#!/bin/sh\n')],
    ['nothing', Buffer.alloc(0)],
    ['a program of 32 bits', Buffer.from('\x7fELF\x01\x01', 'latin1')],
  ])('refuses %s', (_, bytes) => {
    expect(() => readElf(bytes)).toThrow('not a 64-bit little-endian ELF file')
  })

  it('refuses a program that is not linked dynamically', () => {
    const bytes = Buffer.alloc(64)
    bytes.write('\x7fELF\x02\x01', 'latin1')

    expect(() => readElf(bytes)).toThrow('names no dynamic loader')
  })
})
