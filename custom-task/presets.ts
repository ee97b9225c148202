import type { Form } from './form.ts'
import { aws } from './forms/aws.ts'
import { azure } from './forms/azure.ts'
import { docker } from './forms/docker.ts'
import { gcp } from './forms/gcp.ts'
import { git } from './forms/git.ts'
import { kubeconfig } from './forms/kubeconfig.ts'
import { netrc } from './forms/netrc.ts'

/** The values of annotation `tokenbroker.dev/as` and of param `as`. */
export const presets = { git, docker, netrc, aws, gcp, azure, kubeconfig } as const satisfies Record<string, Form>

export type PresetName = keyof typeof presets

export const presetNames = Object.keys(presets) as readonly PresetName[]

export function isPresetName(text: string): text is PresetName {
  return Object.hasOwn(presets, text)
}

export function formOf(name: PresetName): Form {
  return presets[name]
}
