const { TOKEN_BROKER_MEASURE = '' } = process.env

/**
 * How often a figure is taken: a few times show that it can be taken, and `npm run bench -- --cluster`
 * (`TOKEN_BROKER_MEASURE=full`) takes enough of them to believe it.
 */
export function rounds({ few, full }: { readonly few: number; readonly full: number }): number {
  return TOKEN_BROKER_MEASURE === 'full' ? full : few
}
