import type { Initiator, Run, Source } from '../identity/run.ts'
import { describeEvent } from './describe-event.ts'
import type { AuditRun, AuditSource } from './event.ts'

/** A run as records show it, with what the walk found out about it. */
export function describeRun(run: Run): AuditRun {
  return {
    assurance: run.assurance,
    ...(run.pipeline && { pipeline: run.pipeline }),
    ...(run.pipelineRun && { pipeline_run: run.pipelineRun.name, pipeline_run_uid: run.pipelineRun.uid }),
    ...(run.task && { task: run.task }),
    ...(run.taskRun && { task_run: run.taskRun.name, task_run_uid: run.taskRun.uid }),
    ...(run.customRun && { custom_run: run.customRun.name, custom_run_uid: run.customRun.uid }),
    ...(run.initiator && describeInitiator(run.initiator)),
    ...(run.source && { source: describeSource(run.source) }),
    ...(run.taskSource && { task_source: describeSource(run.taskSource) }),
    ...(run.hasPodTemplate && { has_pod_template: true }),
    ...(run.trigger && {
      trigger: {
        event_listener: run.trigger.eventListener,
        trigger: run.trigger.trigger,
        event_id: run.trigger.eventId,
      },
    }),
    ...(run.event && { event: describeEvent(run.event) }),
    ...(run.evidence.length > 0 && { evidence: run.evidence }),
  }
}

function describeInitiator({ username, uid, kind, isProved }: Initiator): Partial<AuditRun> {
  return {
    initiator: username,
    ...(uid && { initiator_uid: uid }),
    initiator_from: kind === 'event' ? 'event' : 'stamp',
    is_initiator_proved: isProved,
  }
}

function describeSource({ uri, digest, entryPoint, revision }: Source): AuditSource {
  return {
    uri,
    ...(digest && { digest }),
    ...(entryPoint && { entry_point: entryPoint }),
    ...(revision && { revision }),
  }
}
