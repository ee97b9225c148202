import type { PolicyFigures } from './programs/policies.ts'
import { row } from './report.ts'

export function printPolicies({ inCluster, inNamespace, expressions, maxCost }: PolicyFigures): void {
  const us = (value: number | undefined) => (value === undefined ? '-' : `${value.toFixed(1)} us`)
  console.log('\nOne decision, RBAC answers cached: microseconds of processor time')
  for (const [count, cost] of Object.entries(inCluster)) {
    console.log(row(`${count} policies in the cluster, 10 in a namespace`, us(cost)))
  }
  for (const [count, { named, unnamed }] of Object.entries(inNamespace)) {
    console.log(row(`${count} policies in the namespace`, `named ${us(named)}`, `unnamed ${us(unnamed)}`))
  }
  console.log(`\nExpressions in validations: at most ${maxCost} steps in a policy`)
  for (const [name, { cost, compile, evaluate }] of Object.entries(expressions)) {
    const steps = cost === undefined ? 'no expression' : `${cost} steps`
    console.log(row(name, steps, `compiled in ${us(compile)}`, `evaluated in ${us(evaluate)}`))
  }
}
