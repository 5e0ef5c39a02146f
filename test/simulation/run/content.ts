/** What clients store: each content names the write that made it, and follows from that name alone. */
import { fromUtf8, utf8 } from '@dfs/core'

/** The value and a zero byte, then bytes that follow from the value, up to the size that it names behind the colon. */
export function contentOf(value: string): Uint8Array {
  const head = utf8(`${value}\0`)
  const size = Number(value.slice(value.indexOf(':') + 1))
  const content = new Uint8Array(Math.max(size, head.byteLength))
  let state = head.reduce((sum, byte) => Math.imul(sum ^ byte, 0x01000193), 0x811c9dc5)
  for (let at = head.byteLength; at < content.byteLength; at += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    content[at] = state >>> 24
  }
  content.set(head)
  return content
}

/** The value of a whole content. Whether all of it is right is for others to check. */
export const valueOf = (content: Uint8Array): string => fromUtf8(content.subarray(0, content.indexOf(0)))
