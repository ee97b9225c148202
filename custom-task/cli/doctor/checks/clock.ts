import { type Check, fail, ok, warn } from '../check.ts'

/** A `Date` field is whole seconds, and the answer was under way. */
const unsureSeconds = 2
/** Tokens are issued with an `nbf` this much back, so that is what verifiers can be off. */
const bearableSeconds = 30

export const clock: Check = {
  name: 'clock',
  async run(site) {
    const before = site.clock().getTime()
    const { date } = await site.page('/version')
    const after = site.clock().getTime()
    if (date === undefined) return warn('The API server does not say what time it is.', 'Look at its clock by hand.')
    const here = (before + after) / 2
    const seconds = Math.round((here - date.getTime()) / 1000)
    const sentence = `This machine is ${Math.abs(seconds)} s ${seconds < 0 ? 'behind' : 'ahead of'} the API server.`
    if (Math.abs(seconds) <= unsureSeconds) return ok('This machine and the API server agree to the second or two.')
    const mend = 'Let both be set by NTP: tokens are refused as not yet valid, or as expired.'
    return Math.abs(seconds) > bearableSeconds ? fail(sentence, mend) : warn(sentence, mend)
  },
}
