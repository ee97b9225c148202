import type { SpecRule } from './kind.ts'

/** CEL rules that several kinds share. */

/** Of `spec.approval`. */
export const approvalRule: SpecRule = {
  rule: "!(has(self.approval) && has(self.approval.groups)) || self.approval.groups.all(g, !g.startsWith('system:serviceaccounts'))",
  message: 'no ServiceAccount approves: name groups of people',
  fieldPath: '.approval.groups',
}

/** Of `spec.limits.require`. */
export const requirementApprovalRule: SpecRule = {
  rule: "!(has(self.limits) && has(self.limits.require)) || self.limits.require.all(r, !(has(r.approval) && has(r.approval.groups)) || r.approval.groups.all(g, !g.startsWith('system:serviceaccounts')))",
  message: 'no ServiceAccount approves: name groups of people',
  fieldPath: '.limits.require',
}

/** Of `spec.limits.require`. */
export const requirementRule: SpecRule = {
  rule: '!(has(self.limits) && has(self.limits.require)) || self.limits.require.all(r, has(r.assurance) || has(r.approval))',
  message: 'a requirement asks for an assurance, an approval or both',
  fieldPath: '.limits.require',
}

/** Of `spec.namespaceSelector`, as Kubernetes holds label selectors. */
export const selectorRule: SpecRule = {
  rule: "!(has(self.namespaceSelector) && has(self.namespaceSelector.matchExpressions)) || self.namespaceSelector.matchExpressions.all(e, (e.operator in ['In', 'NotIn']) == (has(e.values) && size(e.values) > 0))",
  message: 'In and NotIn compare with values, Exists and DoesNotExist have none',
  fieldPath: '.namespaceSelector.matchExpressions',
}
