import { apiGroupVersion, type KindDefinition } from '../../core/crd/kind.ts'
import { kinds } from '../../core/crd/kinds.ts'
import { tokenScope } from '../../core/crd/token-scope.ts'
import { keyTable } from './config-pages.ts'
import { code, generatedFrom, page, prose } from './markdown.ts'
import { schemaRows } from './schema-rows.ts'

export function kindsPage(): string {
  return page(
    generatedFrom('core/crd'),
    '# Kinds',
    `All of \`${apiGroupVersion}\`. The definitions are in [charts/crds](../../charts/crds); \`kubectl explain\` shows the same texts.`,
    ...kinds.flatMap((kind) => section(kind)),
  )
}

function section(definition: KindDefinition): readonly string[] {
  const { kind, plural, shortNames, scope, spec, status, rules, columns } = definition
  const names = [plural, ...shortNames].map(code).join(', ')
  return [
    `## ${kind}`,
    prose(spec.description ?? ''),
    `${scope === 'Cluster' ? 'For the whole cluster' : 'In a namespace'}; ${names} with kubectl.`,
    ...(kind === tokenScope.kind ? [scopesAreRbac] : [keyTable(schemaRows(spec, 'spec'))]),
    ...(rules.length > 0 ? [prose(`Held by the API server: ${rules.map((rule) => rule.message).join('; ')}.`)] : []),
    ...(columns.length > 0 ? [`Shown by \`kubectl get\`: ${columns.map((column) => column.name).join(', ')}.`] : []),
    ...(status === undefined ? [] : [keyTable(schemaRows(status, 'status'))]),
  ]
}

const scopesAreRbac =
  'Who may ask for a scope is Kubernetes RBAC: verb `exchange` on `tokenscopes` with `resourceNames: ["<provider>:<scope>"]`, ' +
  'as in [rbac.yaml](../../tekton/examples/custom-task/rbac.yaml). `kubectl auth can-i exchange ' +
  'tokenscopes.tokenbroker.dev/builtin:deploy:staging -n payments --as system:serviceaccount:payments:deployer` answers what ' +
  'the broker enforces.'
