// After `helm uninstall` with crds.keep=false: deletes our CustomResourceDefinitions, and with them every policy.
import { readFile } from 'node:fs/promises'

const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port, CRDS = '' } = process.env
const authority = host.includes(':') ? `[${host}]` : host
const token = await readFile('/var/run/secrets/kubernetes.io/serviceaccount/token', 'utf8')

for (const name of CRDS.split(' ')) {
  const url = `https://${authority}:${port}/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`
  const headers = { authorization: `Bearer ${token}` }
  const { status } = await fetch(url, { method: 'DELETE', headers, signal: AbortSignal.timeout(20_000) })
  console.log(`${name}: ${status}`)
  if (status >= 300 && status !== 404) process.exitCode = 1
}
