/**
 * Checks what routes are sent against their TypeBox schemas. Bodies are taken as they are; only the values of a query
 * string, which are text by nature, are read as the integers and booleans that the schema asks for. Nothing is removed
 * and nothing else is converted: what does not fit is refused by name.
 */
import { DfsError } from '@dfs/protocol'
import { type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'

type Checked = { readonly value: unknown } | { readonly error: Error }

interface RouteSchema {
  readonly schema: unknown
  readonly httpPart?: string | undefined
}

/** A validator compiler for Fastify. */
export function compileRouteSchema({ schema, httpPart = 'body' }: RouteSchema): (value: unknown) => Checked {
  const compiled = Compile(schema as TSchema)
  return (value) => {
    const candidate = httpPart === 'querystring' ? readQuery(schema, value) : value
    if (compiled.Check(candidate)) return { value: candidate }
    const [first] = compiled.Errors(candidate)
    return { error: new DfsError('INVALID_REQUEST', describe(httpPart, first)) }
  }
}

interface SchemaError {
  readonly instancePath: string
  readonly message: string
  readonly keyword: string
  readonly params: object
}

function describe(httpPart: string, error: SchemaError | undefined): string {
  if (error === undefined) return `the ${httpPart} is not valid`
  const extra = 'additionalProperties' in error.params ? error.params.additionalProperties : undefined
  const place = `${httpPart}${error.instancePath}`
  if (Array.isArray(extra)) return `${place}: unknown property ${extra.map(String).join(', ').slice(0, 200)}`
  return `${place}: ${error.message}`
}

function readQuery(schema: unknown, value: unknown): unknown {
  const { properties } = schema as { properties?: Record<string, { type?: string }> }
  if (properties === undefined || typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, text]: [string, unknown]) => [
      name,
      Object.hasOwn(properties, name) ? readText(properties[name]?.type, text) : text,
    ]),
  )
}

function readText(type: string | undefined, text: unknown): unknown {
  if (typeof text !== 'string') return text
  if (type === 'integer' && /^\d{1,15}$/.test(text)) return Number(text)
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  return text
}
