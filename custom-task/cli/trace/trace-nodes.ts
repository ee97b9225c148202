import { shown } from './shown.ts'
import type { TracedApproval, TracedExchange, TracedToken, TracedWorkload } from './trace.ts'
import type { Node } from './tree.ts'

export function approvalNode(approval: TracedApproval): Node {
  const { name, verdict, decided_at: decidedAt, decisions } = approval
  const asked = approval.asked_at === undefined ? '' : `, asked ${shown(approval.asked_at)}`
  const until = approval.expires_at === undefined ? '' : ` until ${shown(approval.expires_at)}`
  const outcome = verdict === undefined ? 'open' : `${shown(verdict)} ${shown(decidedAt)}`
  return {
    text: `approval ${shown(name)}${asked}${until}: ${outcome}`,
    below: [
      ...approval.requirements.map(({ groups, required }) =>
        leaf(`asked: ${required ?? 1} of ${groups?.map(shown).join(' or ') ?? 'anybody who may approve'}`),
      ),
      ...decisions.map((one) =>
        leaf(`${shown(one.by)} said ${shown(one.verdict)}${one.comment ? `: ${shown(one.comment)}` : ''}`),
      ),
    ],
  }
}

export function workloadNode({ kind, name, task, pod, service_account: account, exchanges }: TracedWorkload): Node {
  const words = [
    ...(task === undefined ? [] : [`task ${shown(task)}`]),
    `${kind} ${shown(name)}`,
    ...(pod === undefined || kind === 'Pod' ? [] : [`pod ${shown(pod)}`]),
    `ServiceAccount ${shown(account)}`,
  ]
  return { text: words.join(', '), below: exchanges.map(exchangeNode) }
}

function exchangeNode(exchange: TracedExchange): Node {
  const { outcome, reason, detail, policy, scope, audience, token } = exchange
  const why = reason === undefined || reason === outcome ? '' : ` ${shown(reason)}`
  const words = [
    `exchange ${shown(exchange.id)} ${shown(exchange.time)}: ${shown(outcome)}${why}`,
    ...(policy === undefined ? [] : [policyText(policy)]),
    ...(scope.length === 0 ? [] : [`scopes ${scope.map(shown).join(' ')}`]),
    ...(audience === undefined ? [] : [`audience ${shown(audience)}`]),
  ]
  return {
    text: words.join(', '),
    below: [
      ...(detail === undefined ? [] : [leaf(`because ${shown(detail)}`)]),
      ...(token ? [leaf(tokenText(token))] : []),
    ],
  }
}

function policyText({ kind, name, generation }: NonNullable<TracedExchange['policy']>): string {
  return `${shown(kind ?? 'policy')} ${shown(name)}${generation === undefined ? '' : ` generation ${generation}`}`
}

function tokenText({ jti, expires_at: expiresAt, revoked }: TracedToken): string {
  const by = revoked?.by === undefined ? '' : ` by ${shown(revoked.by)}`
  const end = revoked === undefined ? '' : `, revoked ${shown(revoked.time)}: ${shown(revoked.reason)}${by}`
  return `token ${shown(jti)}, expires ${shown(expiresAt)}${end}`
}

function leaf(text: string): Node {
  return { text, below: [] }
}
