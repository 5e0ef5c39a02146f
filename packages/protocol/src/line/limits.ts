/** Sizes (bytes) and times (milliseconds) of the line protocol, as docs/line-protocol.md names them. */
import { assert } from '@dfs/core'
import { KIB, MIB, SEGMENT_BYTES_MAX } from '../limits.ts'

/** A message that an LF ends, its ending not counted. */
export const LINE_BYTES_MAX = MIB
/** A message that only a quiet time or a half-close ends. */
export const UNTERMINATED_BYTES_MAX = 64 * KIB
/** The content that READ_FILE and READ_FILE_B64 answer; longer files are read with READ_FILE_LEN. */
export const READ_BYTES_MAX = MIB
/** What the original clients read of one reply; the rest would be taken for the next one. */
export const ORIGINAL_REPLY_BYTES_MAX = 1024

export const QUIET_FIRST_MS = 250
/** After one unterminated message was served, the client is known to wait for its reply before it sends more. */
export const QUIET_NEXT_MS = 50
/** Long messages arrive in several packets, so their end needs more patience. */
export const QUIET_LONG_MS = 500
export const QUIET_LONG_ABOVE_BYTES = 1024
/** The first packet held no whole verb: somebody types into a terminal that sends each character. */
export const QUIET_TYPED_MS = 1000
/** How long a line connection may leave a line, or an announced body, unfinished. */
export const UNFINISHED_MS = 120_000

/** Digits of an announced length. */
export const LENGTH_DIGITS_MAX = 10

assert(UNTERMINATED_BYTES_MAX < LINE_BYTES_MAX, 'an unterminated message is never longer than a line')
assert(ORIGINAL_REPLY_BYTES_MAX > SEGMENT_BYTES_MAX + KIB / 2, 'every message of the original fits')
