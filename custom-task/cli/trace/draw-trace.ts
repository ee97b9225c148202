import { shown } from './shown.ts'
import type { Trace, TracedEnd, TracedEvent, TracedInitiator, TracedRun } from './trace.ts'
import { approvalNode, workloadNode } from './trace-nodes.ts'
import type { Node } from './tree.ts'

/** A trace as a tree: what caused the run above it, what came of it below. */
export function drawTrace(trace: Trace): Node {
  const { event, initiator, run } = trace
  const { claim } = run
  const below = [
    ...(claim ? [{ text: `only claimed: ${shown(claim.hop)}: ${shown(claim.detail)}`, below: [] }] : []),
    ...trace.approvals.map(approvalNode),
    ...trace.workloads.map(workloadNode),
    ...trace.ends.map((end) => ({ text: endLine(end), below: [] })),
  ]
  const causes = [...(event ? [eventLine(event)] : []), ...(initiator ? [initiatorLine(initiator)] : [])]
  return causes.reduceRight<Node>((node, text) => ({ text, below: [node] }), { text: runLine(run), below })
}

function eventLine(event: TracedEvent): string {
  const what = event.is_verified
    ? [
        `${shown(event.sender_kind)} sender ${shown(event.sender)}`,
        `${shown(event.kind)}${event.ref === undefined ? '' : ` of ${shown(event.ref)}`}`,
        ...(event.login === undefined ? [] : [`login ${shown(event.login)}`]),
      ]
    : []
  return [
    `event ${shown(event.id)}`,
    ...(event.received_at === undefined ? [] : [`received ${shown(event.received_at)}`]),
    ...what,
    `EventListener ${shown(event.event_listener)}`,
    `trigger ${shown(event.trigger)}`,
    event.is_verified ? 'verified' : 'not verified: labels of the run say so',
  ].join(', ')
}

function initiatorLine({ name, from, is_proved: isProved }: TracedInitiator): string {
  const how = from === 'event' ? 'named by the event' : 'stamped by admission'
  return `initiator ${shown(name)}, ${how}, ${isProved ? 'proved' : 'not proved'}`
}

function runLine(run: TracedRun): string {
  return [
    `${run.kind} ${shown(`${run.namespace}/${run.name}`)}`,
    ...(run.uid === undefined ? [] : [`uid ${shown(run.uid)}`]),
    ...(run.cluster === undefined ? [] : [`cluster ${shown(run.cluster)}`]),
    ...(run.pipeline === undefined ? [] : [`pipeline ${shown(run.pipeline)}`]),
    ...(run.source === undefined ? [] : [`source ${sourceText(run.source)}`]),
    `assurance ${shown(run.assurance)}`,
  ].join(', ')
}

function sourceText({ uri, digest, revision, entry_point: entryPoint }: NonNullable<TracedRun['source']>): string {
  return [
    shown(uri),
    ...(revision === undefined ? [] : [`revision ${shown(revision)}`]),
    ...(digest === undefined ? [] : [shown(digest)]),
    ...(entryPoint === undefined ? [] : [`file ${shown(entryPoint)}`]),
  ].join(' ')
}

function endLine({ time, reason, by, revoked_count: tokens, closed_authorizations: closed }: TracedEnd): string {
  const who = by === undefined ? '' : ` by ${shown(by)}`
  return `end ${shown(time)}: ${shown(reason)}${who}, tokens withdrawn ${tokens ?? 0}, authorisations closed ${closed ?? 0}`
}
