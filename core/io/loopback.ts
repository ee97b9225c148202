import { isIPv4 } from 'node:net'

/** Whether the host of a URL is this machine, where plain http crosses no wire. Names other than `localhost` are not. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || (isIPv4(hostname) && hostname.startsWith('127.'))
}
