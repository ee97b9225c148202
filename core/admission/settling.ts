/**
 * API servers take up an admission policy a moment after it was written, and several of them at moments of their own; its
 * times are whole seconds. What was made sooner may have been made without it. Milliseconds.
 */
export const policySettlingMs = 5000
