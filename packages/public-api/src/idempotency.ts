/**
 * `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a client that repeats a change under the key of its first
 * attempt gets the first answer. The key is a string of structured fields (RFC 9651); a bare token, as many clients
 * send, is the same as the string of these characters.
 */
import { DfsError, HEADERS, IDEMPOTENCY_KEY_BYTES_MAX } from '@dfs/protocol'
import { type FastifyReply } from 'fastify'
import { type IncomingHttpHeaders } from 'node:http'
import Type from 'typebox'

/** A string with parameters, which have no meaning here; and a token, which may begin with a digit as UUIDs do. */
const STRING =
  /^"((?:[\u0020-\u0021\u0023-\u005b\u005d-\u007e]|\\["\\])*)"(?:;[ ]*[a-z*][a-z0-9_.*-]*(?:=[^,;"]*)?)*$/
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~:/-]+$/

/** What a key looks like, for the document: either of the two, and not too long. */
export const KEY_PATTERN = [STRING, TOKEN]
  .map(({ source }) =>
    source
      .replace(/\)\*\)"/, `){1,${IDEMPOTENCY_KEY_BYTES_MAX}})"`)
      .replace('+$', `{1,${IDEMPOTENCY_KEY_BYTES_MAX}}$`),
  )
  .join('|')

/** The member of a command or a write that carries the key, if there is one. */
export type KeyMember = { readonly key?: string }

const NONE: KeyMember = Object.freeze({})

/** Throws INVALID_REQUEST if the field is no key; several fields are none. */
export function keyMember(headers: IncomingHttpHeaders): KeyMember {
  const field = headers[HEADERS.idempotencyKey]
  if (field === undefined) return NONE
  const text = String(field).trim()
  const key = STRING.exec(text)?.[1]?.replaceAll(/\\(["\\])/g, '$1') ?? TOKEN.exec(text)?.[0]
  if (key === undefined || key === '' || key.length > IDEMPOTENCY_KEY_BYTES_MAX) {
    throw new DfsError(
      'INVALID_REQUEST',
      `Idempotency-Key: one string of 1 to ${IDEMPOTENCY_KEY_BYTES_MAX} ASCII characters, in quotes`,
    )
  }
  return { key }
}

/** Says on an answer whether it is that of an earlier request. */
export const setReplayHeader = (reply: FastifyReply, isReplay: boolean | undefined): FastifyReply =>
  isReplay === true ? reply.header(HEADERS.idempotencyReplayed, '?1') : reply

/**
 * For the document of the API; routes that take a key add it to their headers. Without an example: a page that fills it in
 * would send every change under the same key.
 */
export const IDEMPOTENCY_HEADER = {
  'Idempotency-Key': Type.Optional(
    Type.String({
      description:
        'A key of your own, new for each change: `"8e03978e-40d5-43dd-bc93-6894a57f9324"`. Repeat the same request under it as often as you like: it happens once, and every answer is the first one, marked `Idempotency-Replayed: ?1`. Kept for 24 hours.',
    }),
  ),
}

/** The headers of a change that takes no others. */
export const KeyHeaders = Type.Object(IDEMPOTENCY_HEADER)
