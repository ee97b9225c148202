/** What a terminal would take for an order, or show as nothing: control characters, directions of writing, line ends. */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** Text from somewhere else as one line for a terminal; each character that could mislead is a `?`. */
export function printable(text: string): string {
  return text.replaceAll(unprintable, '?')
}
