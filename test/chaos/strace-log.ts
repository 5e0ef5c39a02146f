/**
 * What strace writes down, read back. Where another thread's call comes in between, one call is two lines, `<unfinished ...>`
 * and `<... resumed>`, which are joined by the id of their thread: a failure stands in the second, its file in the first.
 */

/** A system call that has returned. */
export interface SeenCall {
  readonly name: string
  /** Of its first argument: a path, or `socket:[…]`. */
  readonly file: string
  /** Its other arguments, as strace shows them. */
  readonly operands: string
  /** What it returned; -1 where it failed. */
  readonly result: number
  readonly hasFailed: boolean
  /** The lines in which it began and returned: what is greater was later. */
  readonly beganAt: number
  readonly endedAt: number
}

const LINE = /^(\d+) +(.*)$/s
const UNFINISHED = ' <unfinished ...>'
const RESUMED = /^<\.\.\. \w+ resumed>/
const CALL = /^(\w+)\(\d+<([^>]+)>(.*)\) += (-?\d+)/s

interface Half {
  readonly text: string
  readonly beganAt: number
}

/** The calls whose first argument is an open file, in the order in which they returned. */
export function callsIn(log: string): SeenCall[] {
  const unfinished = new Map<string, Half>()
  return log.split('\n').flatMap((line, at) => {
    const [, thread, said] = LINE.exec(line) ?? []
    if (thread === undefined || said === undefined) return []
    if (said.endsWith(UNFINISHED)) {
      unfinished.set(thread, { text: said.slice(0, -UNFINISHED.length), beganAt: at })
      return []
    }
    if (!RESUMED.test(said)) return callOf({ text: said, beganAt: at }, at)
    const begun = unfinished.get(thread)
    unfinished.delete(thread)
    // What began before strace was there has no beginning.
    return begun === undefined ? [] : callOf({ ...begun, text: begun.text + said.replace(RESUMED, '') }, at)
  })
}

function callOf({ text, beganAt }: Half, endedAt: number): SeenCall[] {
  const [, name, file, operands, returned] = CALL.exec(text) ?? []
  if (name === undefined) return []
  const result = Number(returned)
  return [{ name, file: file!, operands: operands!, result, hasFailed: result < 0, beganAt, endedAt }]
}
