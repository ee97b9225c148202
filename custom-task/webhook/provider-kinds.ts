import type { IssuedKind } from '../form.ts'
import type { PresetName } from '../presets.ts'

interface ProviderKind {
  readonly issued: IssuedKind
  /** The form of a token that no `as` gives one; undefined: files of the broker's own alone. */
  readonly form: PresetName | undefined
}

/** What is known of providers before they are asked, by the key that configures them. */
const providerKinds: Readonly<Record<string, ProviderKind>> = {
  builtin: { issued: 'bearer', form: undefined },
}

/** @returns undefined for a kind that this version does not know */
export function providerKind(name: string | undefined): ProviderKind | undefined {
  return name !== undefined && Object.hasOwn(providerKinds, name) ? providerKinds[name] : undefined
}
