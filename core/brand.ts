declare const brand: unique symbol

/**
 * A value that only one place may make: holding it proves that the step behind its name was taken.
 * The architecture test lists the files that may cast to a branded type.
 */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name }
