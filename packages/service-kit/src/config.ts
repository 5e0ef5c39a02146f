/**
 * Configuration from the environment. A service has one TypeBox schema; its type, its parsing, its messages and its
 * reference table all come from that. A property `publicPort` is the variable `DFS_PUBLIC_PORT`, so nothing is named
 * twice. `loadConfig` is pure: `main.ts` alone hands in `process.env`. It reports every problem at once, because a
 * service that is corrected one restart at a time is a poor way to spend an evening.
 *
 * Properties may be strings, integers, numbers, booleans, enumerations, and arrays of strings (comma-separated).
 */
import { type Static, type TObject, type TSchema } from 'typebox'
import { Compile } from 'typebox/compile'

/** What the code below reads of a property's schema; `secret` keeps a value out of messages and of the reference. */
interface Property {
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly pattern?: string
  readonly default?: unknown
  readonly description?: string
  readonly secret?: boolean
}

type Environment = Readonly<Record<string, string | undefined>>

/** Thrown by {@link loadConfig}; each problem is one line that says what is wrong and what to do. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`the configuration is not valid:\n${problems.map((problem) => `- ${problem}`).join('\n')}`)
    this.problems = problems
  }
}

/** `publicPort` → `DFS_PUBLIC_PORT`. */
export const variableName = (property: string): string =>
  `DFS_${property.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`

/**
 * Reads the configuration out of `env`; an empty variable counts as one that is not set. `relations` checks what no
 * single value can show, and returns a line for each problem; it runs only when every value is valid by itself.
 */
export function loadConfig<S extends TObject>(
  schema: S,
  env: Environment,
  relations: (config: Static<S>) => readonly string[] = () => [],
): Static<S> {
  const problems: string[] = []
  const values: Record<string, unknown> = {}
  const required = new Set<string>(schema.required)
  for (const [property, propertySchema] of Object.entries<TSchema>(schema.properties)) {
    const outcome = readValue(property, propertySchema, env[variableName(property)])
    if ('problem' in outcome) problems.push(outcome.problem)
    else if (outcome.value !== undefined) values[property] = outcome.value
    else if (required.has(property)) problems.push(missing(property, propertySchema))
  }
  if (problems.length > 0) throw new ConfigError(problems)
  // Every property was checked against its own schema above.
  const config = values as Static<S>
  const broken = relations(config)
  if (broken.length > 0) throw new ConfigError(broken)
  return config
}

/** Variables that start with `DFS_` and that the schema does not know: mostly spelling mistakes, worth a warning. */
export function unknownVariables(schema: TObject, env: Environment): string[] {
  const known = new Set(Object.keys(schema.properties).map(variableName))
  return Object.keys(env)
    .filter((name) => name.startsWith('DFS_') && !known.has(name))
    .sort()
}

/** The reference of all variables, as a Markdown table. */
export function describeConfig(schema: TObject): string {
  const required = new Set<string>(schema.required)
  const rows = Object.entries<TSchema>(schema.properties).map(([name, propertySchema]) => {
    const property = propertySchema as Property
    const fallback = property.default === undefined ? (required.has(name) ? 'required' : '-') : show(property)
    return [`\`${variableName(name)}\``, expectation(property), fallback, property.description ?? '']
  })
  const cells = [['Variable', 'Value', 'Default', 'Meaning'], ['---', '---', '---', '---'], ...rows]
  return `${cells.map((row) => `| ${row.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`).join('\n')}\n`
}

type Outcome = { readonly value: unknown } | { readonly problem: string }

function readValue(name: string, schema: TSchema, text: string | undefined): Outcome {
  const property = schema as Property
  if (text === undefined || text === '') return { value: structuredClone(property.default) }
  const value = parse(property, text)
  if (value !== undefined && Compile(schema).Check(value)) return { value }
  const shown = property.secret === true ? 'its value' : JSON.stringify(text.slice(0, 80))
  const otherwise = property.default === undefined ? '' : `, or leave it out for ${show(property)}`
  return {
    problem: `${variableName(name)}: ${shown} is not ${expectation(property)}. Set it to one${otherwise}.`,
  }
}

function missing(name: string, schema: TSchema): string {
  const property = schema as Property
  const meaning = property.description === undefined ? '' : ` (${property.description})`
  return `${variableName(name)} is not set. Set it to ${expectation(property)}${meaning}.`
}

function parse({ type }: Property, text: string): unknown {
  switch (type) {
    case 'integer':
      return /^-?\d{1,16}$/.test(text) ? Number(text) : undefined
    case 'number':
      return /^-?\d{1,16}(?:\.\d{1,16})?$/.test(text) ? Number(text) : undefined
    case 'boolean':
      return { true: true, 1: true, false: false, 0: false }[text]
    case 'array':
      return text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== '')
    default:
      return text
  }
}

function expectation({ type, enum: members, minimum, maximum, pattern }: Property): string {
  if (members !== undefined) return `one of ${members.map(String).join(', ')}`
  if (type === 'boolean') return 'true or false'
  if (type === 'array') return 'a comma-separated list'
  if (type === 'string' || type === undefined) {
    return pattern === undefined ? 'a text' : `a text that matches ${pattern}`
  }
  const noun = type === 'integer' ? 'an integer' : 'a number'
  if (minimum !== undefined && maximum !== undefined) return `${noun} from ${minimum} to ${maximum}`
  if (minimum !== undefined) return `${noun} of at least ${minimum}`
  return maximum === undefined ? noun : `${noun} of at most ${maximum}`
}

function show({ default: value, secret }: Property): string {
  if (secret === true) return 'its default'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : value.join(',')
  return String(value)
}
