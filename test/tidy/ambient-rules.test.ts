/** Proves that the linter finds the world where it must not be, and lets the edge touch it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PlantedWorkspace } from './planted/planted-workspace.ts'

let workspace: PlantedWorkspace

beforeEach(() => {
  workspace = new PlantedWorkspace()
})
afterEach(() => {
  workspace.remove()
})

const AMBIENT: readonly string[] = [
  'export const planted = Date.now()',
  'export const planted = performance.now()',
  'export const planted = setTimeout(String, 1)',
  'export const planted = setInterval(String, 1)',
  'export const planted = setImmediate(String)',
  'export const planted = AbortSignal.timeout(1)',
  'export const planted = Math.random()',
  'export const planted = crypto.randomUUID()',
  'export const planted = crypto.getRandomValues(new Uint8Array(1))',
  "export const planted = process.env['X']",
  'export const planted = (): never => process.exit(1)',
  "export const planted = process.on('SIGTERM', String)",
  "export const planted = fetch('http://localhost')",
  'export const planted = globalThis.setTimeout(String, 1)',
  'export const planted = console.log(1)',
  "export { randomUUID } from 'node:crypto'",
  "export { randomBytes } from 'crypto'",
  "export * as planted from 'node:crypto'",
  "export { readFile } from 'node:fs/promises'",
  "export { readFileSync } from 'fs'",
  "export { connect } from 'node:net'",
  "export { get } from 'node:http'",
  "export { setTimeout } from 'node:timers/promises'",
  "export { performance } from 'node:perf_hooks'",
  "export { env } from 'node:process'",
  "export { Worker } from 'node:worker_threads'",
  "export { DatabaseSync } from 'node:sqlite'",
  "export { Pool } from 'undici'",
]

const INSIDE = [
  'packages/core/src/a.ts',
  'services/master/src/domain/a.ts',
  'services/chunk-server/src/routes/a.ts',
]
const EDGE = [
  'packages/node-runtime/src/a.ts',
  'packages/service-kit/src/a.ts',
  'services/master/src/main.ts',
  'services/master/test/a.test.ts',
  'scripts/a.ts',
]

describe('the linter', () => {
  it('refuses every way to ambient time, chance, disk, network and process', () => {
    for (const [index, source] of AMBIENT.entries()) {
      for (const path of INSIDE) workspace.write(path.replace('a.ts', `planted-${index}.ts`), `${source}\n`)
    }
    const { exitCode, output } = workspace.lint()
    expect(exitCode).toBe(1)
    for (const [index, source] of AMBIENT.entries()) {
      for (const path of INSIDE) {
        expect(output, source).toContain(path.replace('a.ts', `planted-${index}.ts`))
      }
    }
  })

  it('lets the edge meet the world', () => {
    for (const path of EDGE) workspace.write(path, 'export const now = Date.now() + Math.random()\n')
    expect(workspace.lint()).toMatchObject({ exitCode: 0 })
  })

  it('refuses floating promises and any', () => {
    workspace.write('packages/core/src/a.ts', 'export const planted = (value: any): unknown => value\n')
    expect(workspace.lint().output).toContain('no-explicit-any')
  })
})
