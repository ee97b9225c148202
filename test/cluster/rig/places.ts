import { createHash } from 'node:crypto'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** The repository this rig tests. */
export const repository = resolve(import.meta.dirname, '../../..')

const { XDG_CACHE_HOME } = process.env

/** Everything that may be kept between runs; deleting it costs a cold build and nothing else. */
export const cache = join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'tekton-token-broker')

/** Logs of the newest run. They outlive it, because they are read after something went wrong. */
export const logs = join(cache, 'logs')

/** State of the run in progress: keys, etcd data, containerd's root. Gone when the run ends. */
export const state = join(cache, 'run')

/** What a running cluster tells about itself to whoever wants to enter it. */
export const factsFile = join(state, 'facts.json')

/**
 * One address for everything outside a pod: bridge gateway, node, API server, and every process under test.
 * It exists only inside the rig's network namespace.
 */
export const hostAddress = '10.88.0.1'
export const podRange = '10.88.0.0/24'
export const serviceRange = '10.96.0.0/16'
export const apiServiceAddress = '10.96.0.1'
export const dnsServiceAddress = '10.96.0.10'
export const apiUrl = `https://${hostAddress}:6443`
export const nodeName = 'node1'
export const bridge = 'ttb0'
/** Tells rigs with caches of their own apart, which may run at the same time. */
export const rigId = createHash('sha256').update(cache).digest('hex').slice(0, 12)
/** Parent of every pod's cgroup, so that clearing up can never touch a cgroup that is not this rig's. */
export const cgroup = `tekton-token-broker-${rigId}`
