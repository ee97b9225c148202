import { readFileSync } from 'node:fs'

/** Adds up the reports of all tiers. A tier without a report, or without a test, has not run, and that is a failure. */
interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly numTodoTests: number
  readonly success: boolean
}

const [failedSteps = '0', ...files] = process.argv.slice(2)
let passed = 0
let failed = Number(failedSteps)
let skipped = 0

for (const file of files) {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8')) as Report
    passed += report.numPassedTests
    failed += report.numFailedTests
    skipped += report.numPendingTests + report.numTodoTests
    if (report.numPassedTests === 0) throw new Error('no test passed')
    if (!report.success && report.numFailedTests === 0) failed += 1
  } catch (error) {
    write(`${file.split('/').at(-1)}: the tier did not run (${error instanceof Error ? error.message : 'unknown'})`)
    failed += 1
  }
}

write(`${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exitCode = failed === 0 ? 0 : 1

function write(line: string): void {
  process.stdout.write(`${line}\n`)
}
