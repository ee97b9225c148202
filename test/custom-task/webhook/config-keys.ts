import { z } from 'zod'
import { webhookConfig } from '../../../custom-task/webhook/config.ts'

interface Node {
  readonly description?: string
  readonly default?: unknown
  readonly properties?: Readonly<Record<string, Node>>
  readonly required?: readonly string[]
}

/** Rows of the guide's table: every key of the configuration with its meaning and its default. */
export function configRows(): readonly string[] {
  return rowsOf(z.toJSONSchema(webhookConfig, { io: 'input', unrepresentable: 'any' }) as Node, '')
}

function rowsOf(node: Node, prefix: string): readonly string[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const path = `${prefix}${key}`
    if (child.properties !== undefined) return rowsOf(child, `${path}.`)
    return [
      `| \`${path}\` | ${child.description ?? ''} | ${fallbackOf(child, node.required?.includes(key) ?? false)} |`,
    ]
  })
}

function fallbackOf(node: Node, isRequired: boolean): string {
  if (node.default !== undefined) return `\`${JSON.stringify(node.default).replaceAll('"', '')}\``
  return isRequired ? 'required' : ''
}
