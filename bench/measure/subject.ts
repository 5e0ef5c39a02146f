/** What is measured: a baseline or the cluster. Both are processes with addresses. */
import { type Target } from '../load/job.ts'

export interface Subject {
  readonly name: string
  readonly targets: readonly Target[]
  /** Process ids by name, at the moment. */
  readonly pids: () => ReadonlyMap<string, number>
}
