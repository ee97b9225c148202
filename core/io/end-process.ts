/** Says a last thing, to standard output where it ends well and to standard error where it does not, and ends. */
export function endProcess(code: number, text: string): never {
  ;(code === 0 ? process.stdout : process.stderr).write(`${text}\n`)
  process.exit(code)
}
