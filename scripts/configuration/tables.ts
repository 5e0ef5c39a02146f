/** The tables of the configuration reference: which settings go into which, and how they get into the page. */
import { describeConfig, LOG_SETTINGS, NODE_SETTINGS } from '@dfs/service-kit'
import Type, { type TObject, type TProperties } from 'typebox'
import { ChunkServerConfig } from '../../services/chunk-server/src/config.ts'
import { GatewayConfig } from '../../services/gateway/src/config.ts'
import { MasterConfig } from '../../services/master/src/config.ts'

const without = ({ properties }: TObject, others: TProperties): TObject =>
  Type.Object(Object.fromEntries(Object.entries(properties).filter(([name]) => !(name in others))))

/** By the name that a marker in the page gives. */
const TABLES: Readonly<Record<string, TObject>> = {
  'every service': Type.Object({ ...LOG_SETTINGS }),
  'master and chunk servers': without(Type.Object({ ...NODE_SETTINGS }), LOG_SETTINGS),
  master: without(MasterConfig, NODE_SETTINGS),
  'chunk server': without(ChunkServerConfig, NODE_SETTINGS),
  gateway: without(GatewayConfig, LOG_SETTINGS),
}

const BLOCK = /(<!-- settings: ([a-z ]+) -->\n).*?(<!-- end -->)/gs

/** The page with each table in its place, made again. Throws if a table has no place, or a place no table. */
export function withTables(page: string): string {
  const placed = new Set<string>()
  const written = page.replace(BLOCK, (_whole, opening: string, name: string, closing: string) => {
    const schema = TABLES[name]
    if (schema === undefined) throw new Error(`there is no table "${name}"`)
    placed.add(name)
    return `${opening}\n${describeConfig(schema)}\n${closing}`
  })
  const missing = Object.keys(TABLES).filter((name) => !placed.has(name))
  if (missing.length > 0) throw new Error(`the page has no place for: ${missing.join(', ')}`)
  return written
}
