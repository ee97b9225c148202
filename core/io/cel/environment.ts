import { Environment } from '@marcbachmann/cel-js'

/** What the parser takes, in characters, nodes and levels of nesting. */
export const expressionLimits = { maxLength: 2048, maxNodes: 256, maxDepth: 32, maxListElements: 100 } as const

const source = { uri: 'string', revision: 'string', entryPoint: 'string', digest: 'string' } as const

const initiator = { username: 'string', uid: 'string', kind: 'string', isProved: 'bool' } as const

/** Fields of each variable with their types: a misspelt one is found when the policy is written, not when it refuses. */
export const schemas = {
  run: {
    assurance: 'string',
    pipeline: 'string',
    pipelineRun: 'string',
    task: 'string',
    taskRun: 'string',
    hasPodTemplate: 'bool',
    initiator,
    source,
    taskSource: source,
  },
  request: { audience: 'string', scopes: 'list<string>', ttlSeconds: 'int', policy: 'string' },
  workload: { namespace: 'string', serviceAccount: 'string', serviceAccounts: 'list<string>' },
} as const

/** The language of `validations`: CEL over the variables of core/policy/expression-variables.ts. */
export function createExpressionEnvironment(): Environment {
  const { maxNodes, maxDepth, maxListElements } = expressionLimits
  const limits = { maxAstNodes: maxNodes, maxDepth, maxListElements, maxMapEntries: 0, maxCallArguments: 4 }
  const environment = new Environment({ unlistedVariablesAreDyn: false, enableOptionalTypes: false, limits })
  for (const [name, schema] of Object.entries(schemas)) environment.registerVariable({ name, schema })
  return environment.registerVariable('event', 'map<string, dyn>').registerVariable('agent', 'bool')
}
