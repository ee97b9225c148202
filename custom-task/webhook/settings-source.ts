import { readFile } from 'node:fs/promises'
import type { Clock } from '../../core/clock.ts'
import { createFresh, type Fresh } from '../../core/io/fresh.ts'
import type { WebhookConfig } from './config.ts'
import type { InjectionSettings } from './settings.ts'

/** Authorities in a bundle are a few KiB; a container takes no argument of 128 KiB. */
const maxCaBytes = 64 * 1024
const maxAgeMs = 10_000

/** What goes into pods, with the authorities as they are now; the last good ones stay where the file cannot be read. */
export function createSettings(
  config: WebhookConfig,
  { clock, onError }: { readonly clock: Clock; readonly onError: (error: unknown) => void },
): Fresh<InjectionSettings> {
  const { broker, sidecar, gate } = config
  const fixed = {
    image: sidecar.image,
    imagePullPolicy: sidecar.imagePullPolicy,
    brokerUrl: broker.url,
    audience: broker.audience ?? broker.url,
    sidecarResources: sidecar.resources,
    gateResources: gate.resources,
    runAsUser: sidecar.runAsUser ?? undefined,
  }
  return createFresh(async () => ({ ...fixed, ca: await readAuthorities(broker.caFile) }), { clock, maxAgeMs, onError })
}

/** Certificates only: comments, and a key that somebody left in the file, go into no pod. */
async function readAuthorities(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined
  const text = await readFile(file, 'utf8')
  const certificates = text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? []
  const ca = certificates.map((pem) => `${pem}\n`).join('')
  if (ca === '' || ca.length > maxCaBytes) {
    throw new TypeError(`${file} must hold PEM certificates, at most ${maxCaBytes} bytes of them`)
  }
  return ca
}
