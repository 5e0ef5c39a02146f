/**
 * Route templates such as `POST /v1/volumes/{volume}/records`: filled in by the caller, recognised by the server. Routes
 * without a placeholder are found in a map; the few others are compared segment by segment.
 */
import { assert } from '@dfs/core'

interface Template {
  readonly route: string
  readonly method: string
  readonly path: string
  /** A placeholder is an object, a fixed segment is text. */
  readonly segments: readonly (string | { readonly name: string })[]
  readonly hasPlaceholders: boolean
}

export interface MatchedRoute {
  readonly route: string
  readonly params: Readonly<Record<string, string>>
}

const NO_PARAMS = Object.freeze({})
const templates = new Map<string, Template>()

/** Method and path of a call; values are percent-encoded, so none of them can reach into another segment. */
export function fillRoute(
  route: string,
  params: Readonly<Record<string, string>>,
): { method: string; path: string } {
  const template = templateOf(route)
  if (!template.hasPlaceholders) return template
  const filled = template.segments.map((segment) => {
    if (typeof segment === 'string') return segment
    const value = params[segment.name]
    assert(value !== undefined && value !== '', `${route} needs a value for {${segment.name}}`)
    return encodeURIComponent(value)
  })
  return { method: template.method, path: filled.join('/') }
}

export class RouteTable {
  readonly #exact = new Map<string, MatchedRoute>()
  readonly #templates: Template[] = []

  constructor(routes: readonly string[]) {
    for (const template of routes.map(templateOf)) {
      if (template.hasPlaceholders) this.#templates.push(template)
      else this.#exact.set(template.route, { route: template.route, params: NO_PARAMS })
    }
  }

  /** The route that `method` and `path` belong to, or null. A path with a query belongs to none. */
  match(method: string, path: string): MatchedRoute | null {
    const exact = this.#exact.get(`${method} ${path}`)
    if (exact !== undefined) return exact
    const segments = path.split('/')
    for (const template of this.#templates) {
      if (template.method !== method || template.segments.length !== segments.length) continue
      const params = matchSegments(template, segments)
      if (params !== null) return { route: template.route, params }
    }
    return null
  }
}

function matchSegments(template: Template, segments: readonly string[]): Record<string, string> | null {
  const params: Record<string, string> = {}
  for (const [index, expected] of template.segments.entries()) {
    const segment = segments[index]!
    if (typeof expected === 'string') {
      if (segment !== expected) return null
    } else {
      const value = decodeSegment(segment)
      if (value === null) return null
      params[expected.name] = value
    }
  }
  return params
}

function decodeSegment(segment: string): string | null {
  if (segment === '' || segment.includes('?')) return null
  if (!segment.includes('%')) return segment
  try {
    return decodeURIComponent(segment)
  } catch (error) {
    if (error instanceof URIError) return null
    throw error
  }
}

/** Routes are constants of the program, so what is remembered here is bounded. */
function templateOf(route: string): Template {
  const known = templates.get(route)
  if (known !== undefined) return known
  const [method, path, ...rest] = route.split(' ')
  assert(method !== undefined && path?.startsWith('/') === true && rest.length === 0, `not a route: ${route}`)
  const segments = path
    .split('/')
    .map((segment) => (segment.startsWith('{') ? { name: segment.slice(1, -1) } : segment))
  const template = { route, method, path, segments, hasPlaceholders: path.includes('{') }
  templates.set(route, template)
  return template
}
