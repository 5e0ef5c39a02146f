/**
 * Writes the tables of docs/configuration.md, which come from the schemas that the services check their environment with.
 *
 *   node scripts/configuration-reference.ts          rewrites the page
 *
 * A tidy test fails while the page says something else.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { withTables } from './configuration/tables.ts'

const PAGE = fileURLToPath(new URL('../docs/configuration.md', import.meta.url))

writeFileSync(PAGE, withTables(readFileSync(PAGE, 'utf8')))
