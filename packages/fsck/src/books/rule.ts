/** What one rule finds: so much is wrong at most that it can be named, however much is. */
import { type FindingKind, type Findings } from '../findings.ts'

/** Findings that one rule names at most. */
const NAMED_MAX = 1000

/** Names what is about `where`, with a detail. */
export type Rule = (where: string, detail: string) => void

export function ruleOf(findings: Findings, kind: FindingKind): Rule {
  let left = NAMED_MAX
  return (where, detail) => {
    if (left === 0) return
    left -= 1
    findings.add(kind, where, detail)
  }
}
