import { brokerConfig, exampleConfig as brokerExample } from '../../broker/config.ts'
import { controllerConfig, exampleConfig as controllerExample } from '../../custom-task/controller/config.ts'
import { type ConfigField, configFields } from '../../custom-task/sidecar/config-fields.ts'
import { code, fenced, generatedFrom, page, table } from './markdown.ts'
import { type SchemaRow, schemaRows } from './schema-rows.ts'

const headers = ['key', 'takes', 'default', 'meaning'] as const

const reading =
  'YAML or JSON. The file is checked as a whole at start: every problem is printed at once, with its key and what is ' +
  'expected, and the process ends with exit code 2. A key that is not in the table is a problem too. A key that is ' +
  '`required` inside an optional object is required where the object is there.'

/** Rows as they stand in a table. */
export function keyTable(rows: readonly SchemaRow[]): string {
  return table(
    headers,
    rows.map(({ key, type, fallback, meaning }) => [code(key), type, fallback, meaning]),
  )
}

export function brokerConfigPage(): string {
  return page(
    generatedFrom('broker/config.ts'),
    '# The broker’s configuration',
    `\`npx node broker/main.ts --config broker.yaml\`. ${reading}`,
    fenced('yaml', brokerExample),
    keyTable(schemaRows(brokerConfig)),
    'From the environment comes `LOG_LEVEL` (`debug`, `info`, `warn`, `error`), and in a pod where the API server is. The ' +
      'broker does not start where the environment turns certificate checks off, opens a debugger or prints requests ' +
      '(`NODE_TLS_REJECT_UNAUTHORIZED=0`, `NODE_OPTIONS`, `NODE_DEBUG`, `DEBUG`).',
  )
}

export function controllerConfigPage(): string {
  return page(
    generatedFrom('custom-task/controller/config.ts'),
    '# The controller’s configuration',
    `\`npx node custom-task/controller/main.ts --config controller.yaml\`. ${reading}`,
    fenced('yaml', controllerExample),
    keyTable(schemaRows(controllerConfig)),
    'From the environment come `KUBECONFIG`, `POD_NAME` (the name of this instance in Events) and `LOG_LEVEL`.',
  )
}

export function sidecarConfigPage(): string {
  const fields: readonly (readonly [string, ConfigField])[] = Object.entries(configFields)
  return page(
    generatedFrom('custom-task/sidecar/config-fields.ts'),
    '# The sidecar’s configuration',
    '`--config FILE` (YAML or JSON), or `--config-json TEXT`, so that a Task needs no ConfigMap. Every problem is printed ' +
      'at once, with its key, what is expected and an example. What the sidecar does with it: ' +
      '[the sidecar](../guides/sidecar.md).',
    table(
      [...headers, 'example'],
      fields.map(([key, { expectation, fallback, meaning, example }]) => [
        code(key),
        expectation,
        fallback === undefined ? 'required' : code(fallback),
        meaning,
        code(example),
      ]),
    ),
    'From the environment comes `LOG_LEVEL`.',
  )
}
