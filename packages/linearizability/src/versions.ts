/**
 * Which entity tag belongs to which value. The server chooses entity tags, so a client whose write had an unknown outcome
 * does not know the tag; the value it wrote is what identifies the version. Answers that give both tie them together.
 *
 * If a tag was seen but never tied to a value (an empty file made by a create that timed out), it may be the version of
 * any write whose tag nobody knows. Then the guard allows all of these. That can accept a history that an all-knowing judge
 * would refuse, and never refuses one that he would accept. A tag that no answer gave is the version of no write.
 */
import { type History } from './history.ts'

/** An entity tag that was given to two versions, or a version that had two tags. */
export interface TagConflict {
  readonly indexes: readonly number[]
  readonly reason: string
}

export class Versions {
  readonly #valueByTag = new Map<string, { readonly value: string; readonly index: number }>()
  readonly #tagByValue = new Map<string, { readonly tag: string; readonly index: number }>()
  readonly #given = new Set<string>()
  readonly #untagged: ReadonlySet<string>
  readonly conflicts: TagConflict[] = []

  constructor(history: History) {
    for (const [index, { operation, outcome }] of history.entries()) {
      if (outcome.kind !== 'answered' || outcome.etag === undefined) continue
      this.#given.add(outcome.etag)
      const isWrite = operation.kind === 'put' || operation.kind === 'create'
      const value = isWrite && outcome.status < 300 ? operation.value : outcome.value
      if (value !== undefined) this.#tie(outcome.etag, value, index)
    }
    this.#untagged = new Set(
      history.flatMap(({ operation, outcome }) =>
        (operation.kind === 'put' || operation.kind === 'create') &&
        outcome.kind !== 'refused' &&
        !this.#tagByValue.has(operation.value)
          ? [operation.value]
          : [],
      ),
    )
  }

  /** The values that the version with this tag may have. */
  withTag(tag: string): ReadonlySet<string> {
    const known = this.#valueByTag.get(tag)
    if (known !== undefined) return new Set([known.value])
    return this.#given.has(tag) ? this.#untagged : new Set()
  }

  /** The values that the version with this tag certainly has: none if the tag was never tied to a value. */
  certainlyWithTag(tag: string): ReadonlySet<string> {
    const known = this.#valueByTag.get(tag)
    return new Set(known === undefined ? [] : [known.value])
  }

  #tie(tag: string, value: string, index: number): void {
    const byTag = this.#valueByTag.get(tag)
    const byValue = this.#tagByValue.get(value)
    if (byTag !== undefined && byTag.value !== value) {
      const reason = `the entity tag ${tag} was given to two versions: ${byTag.value} and ${value}`
      this.conflicts.push({ indexes: [byTag.index, index], reason })
    }
    if (byValue !== undefined && byValue.tag !== tag) {
      const reason = `one write of ${value} made two versions: ${byValue.tag} and ${tag}`
      this.conflicts.push({ indexes: [byValue.index, index], reason })
    }
    if (byTag === undefined) this.#valueByTag.set(tag, { value, index })
    if (byValue === undefined) this.#tagByValue.set(value, { tag, index })
  }
}
