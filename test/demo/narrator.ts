/** Tells the story on standard output; colours where a person reads along. */
export interface Narrator {
  title(text: string): void
  act(text: string): void
  /** What somebody does, as they would type it. */
  command(text: string): void
  line(text: string): void
  /** One thing that had to hold, and did. */
  held(text: string): void
}

export function createNarrator(write: (line: string) => void, hasColours: boolean): Narrator {
  const paint = (code: string, text: string) => (hasColours ? `\u001b[${code}m${text}\u001b[0m` : text)
  let acts = 0
  return {
    title: (text) => write(paint('1', text)),
    act(text) {
      acts += 1
      write('')
      write(paint('1;36', `${acts}. ${text}`))
    },
    command: (text) => write(`   ${paint('2', '$')} ${paint('1', text)}`),
    line: (text) => write(`   ${text}`),
    held: (text) => write(`   ${paint('32', '✓')} ${text}`),
  }
}

/** Thrown when a part of the story did not hold; ends the demo with exit code 1. */
export class DidNotHold extends Error {
  override readonly name = 'DidNotHold'
}

export function hold(condition: boolean, what: string): asserts condition {
  if (!condition) throw new DidNotHold(what)
}
