/** 307: the caller sends the same request to another node. */
import { type FastifyReply } from 'fastify'
import Type, { type Static } from 'typebox'

export const RedirectView = Type.Object({
  location: Type.String({ examples: ['http://localhost:7071/v1/files/docs/hello.txt'] }),
  hint: Type.String({ examples: ['Send the same request to this location. curl does so with -L.'] }),
})

/** `location` was checked to be printable ASCII: the target starts with a slash, and the host is one of ours. */
export function redirected(reply: FastifyReply, location: string, who: string): Static<typeof RedirectView> {
  reply.code(307).header('location', location).header('cache-control', 'no-store')
  return { location, hint: `${who}: send the same request to this location. curl does so with -L.` }
}
