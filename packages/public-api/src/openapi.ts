/**
 * `/openapi.json`, from the schemas of the routes; the page that shows it is in `docs-page.ts`. What a route's schema
 * cannot say is added here: what `*` at the end of a URL stands for, and that a body is a file's content, which no
 * validator may touch.
 */
import swagger from '@fastify/swagger'
import { type FastifyInstance, type FastifySchema } from 'fastify'
import { DIRECTORY_PATH_PATTERN, FILE_PATH_PATTERN, PATH_BYTES_MAX } from '@dfs/protocol'
import Type, { type TSchema } from 'typebox'
import { TAGS_PATTERN } from './conditions.ts'
import { errorResponses } from './documented.ts'
import { KEY_PATTERN } from './idempotency.ts'
import { BOOLEAN_PATTERN, DIGESTS_PATTERN } from './structured-field.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The request's body is the content of a file: any bytes, documented and never parsed. */
    readonly takesContent?: boolean
  }
}

const TAGS = [
  { name: 'files', description: 'Write, read, create and delete files' },
  { name: 'directories', description: 'List, create and delete directories' },
  { name: 'links', description: 'Symbolic links, kept as they are given and never followed here' },
  { name: 'entries', description: 'Whatever stands at a path: look at it, rename it' },
  { name: 'cluster', description: 'The chunk servers and the state of the whole' },
  { name: 'health', description: 'For orchestrators: does this process live, can it work' },
]

const DESCRIPTION = `Files in directories, kept on several servers and synced before a write is acknowledged.

**Any node answers.** The master passes what is written on to a chunk server, and sends readers there with 307, which
browsers and \`curl -L\` follow; a request with a body is never redirected. To try it: *files*, *PUT*, **Try it out**, choose a file, **Execute**.

**Nothing happens twice.** Send a change with an \`Idempotency-Key\` of your own, and you may repeat it at any node until you
hear: it happens once, and the answer is always the first one. Another request under the same key is refused with 422.

**Errors** are problems (RFC 9457) with a stable \`code\` and what to do about it in \`fix\`.`

const EXAMPLE_PATHS: Readonly<Record<string, string>> = {
  files: 'docs/hello.txt',
  directories: 'docs',
  links: 'docs/latest',
  entries: 'docs/hello.txt',
}

/**
 * What the values of headers look like, where others are refused: they are checked where they are used, by code that says
 * what is wrong. (A `Range` that is none is ignored.)
 */
const HEADER_PATTERNS: Readonly<Record<string, string>> = {
  'If-Match': TAGS_PATTERN,
  'If-None-Match': TAGS_PATTERN,
  'Content-Digest': DIGESTS_PATTERN,
  'Dfs-Executable': BOOLEAN_PATTERN,
  'Idempotency-Key': KEY_PATTERN,
}

/** A page for people offers a file to choose for the first type, and a field for text for the second. */
const CONTENT = {
  content: {
    'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
    'text/plain': { schema: { type: 'string', examples: ['hello'] } },
  },
}

/** To be called before any route is added. */
export async function addOpenApi(app: FastifyInstance): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Distributed file system', version: '1', description: DESCRIPTION },
      servers: [{ url: '/', description: 'this node' }],
      tags: TAGS,
    },
    refResolver: {
      buildLocalReference: (json, _uri, _fragment, index) =>
        typeof json['$id'] === 'string' ? json['$id'] : `def-${index}`,
    },
    transform: ({ schema, url, route }) => ({
      schema: documented(schema ?? {}, url, route.config?.takesContent === true),
      url: url.endsWith('/*') ? `${url.slice(0, -1)}:path` : url,
    }),
    transformObject: (document) => {
      if (!('openapiObject' in document)) throw new Error('the document was asked for as OpenAPI')
      putPathFirst(document.openapiObject.paths ?? {})
      return document.openapiObject
    },
  })
}

/** To be called after the routes were added. */
export function addOpenApiDocument(app: FastifyInstance): void {
  let text: string | null = null
  app.get('/openapi.json', { schema: { hide: true } as object }, (_request, reply) => {
    text ??= JSON.stringify(app.swagger())
    return reply.header('content-type', 'application/json').header('cache-control', 'no-cache').send(text)
  })
}

function documented(schema: FastifySchema, url: string, takesContent: boolean): FastifySchema {
  const { operationId, headers } = schema as { operationId?: string; headers?: TSchema }
  return {
    ...schema,
    // The generator marks HEAD with a suffix, in case that it is named like its GET; ours has a name of its own.
    ...(operationId?.endsWith('-head') === true
      ? { operationId: operationId.slice(0, -'-head'.length) }
      : null),
    ...(url.endsWith('/*') ? { params: pathParams(url) } : null),
    ...(takesContent ? { body: CONTENT } : null),
    // Also for the routes of other packages, which know nothing of the admission check.
    ...(schema.response === undefined ? null : { response: { ...errorResponses(), ...schema.response } }),
    ...(headers === undefined ? null : { headers: withPatterns(headers) }),
  }
}

/** Parameters in the order in which a reader needs them: the generator puts those of the query first. */
function putPathFirst(paths: object): void {
  const isPath = (parameter: object): boolean => 'in' in parameter && parameter.in === 'path'
  for (const operations of Object.values<Record<string, { parameters?: object[] }>>({ ...paths })) {
    for (const { parameters } of Object.values(operations)) {
      parameters?.sort((a, b) => Number(isPath(b)) - Number(isPath(a)))
    }
  }
}

function withPatterns(headers: TSchema): TSchema {
  const { properties = {} } = headers as { properties?: Record<string, object> }
  const described = Object.entries(properties).map(([name, schema]) => {
    const pattern = HEADER_PATTERNS[name]
    return [name, pattern === undefined ? schema : { ...schema, pattern }]
  })
  return { ...headers, properties: Object.fromEntries(described) } as TSchema
}

function pathParams(url: string): TSchema {
  const resource = url.split('/')[2] ?? ''
  const isOfFile = resource === 'files' || resource === 'links'
  return Type.Object({
    path: Type.String({
      description:
        'The path below the root, each segment percent-encoded; `%2F` is a separator like `/`. This page encodes what you type.',
      pattern: isOfFile ? FILE_PATH_PATTERN : DIRECTORY_PATH_PATTERN,
      minLength: 1,
      maxLength: PATH_BYTES_MAX - 1,
      examples: [EXAMPLE_PATHS[resource] ?? 'docs'],
    }),
  })
}
