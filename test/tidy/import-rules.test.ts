/** Proves that each import rule fails the build: one planted violation for each, and a clean workspace for the contrary. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PlantedWorkspace } from './planted/planted-workspace.ts'

let workspace: PlantedWorkspace

beforeEach(() => {
  workspace = new PlantedWorkspace()
})
afterEach(() => {
  workspace.remove()
})

const importing = (name: string): string =>
  `import { something } from '${name}'\nexport const used = something\n`

interface Violation {
  readonly rule: string
  readonly path: string
  readonly source: string
  readonly imports?: readonly string[]
}

const VIOLATIONS: readonly Violation[] = [
  {
    rule: 'services-meet-on-the-wire',
    path: 'services/master/src/a.ts',
    source: importing('@dfs/chunk-server'),
    imports: ['services/chunk-server'],
  },
  {
    rule: 'packages-know-no-service',
    path: 'packages/service-kit/src/a.ts',
    source: importing('@dfs/master'),
    imports: ['services/master'],
  },
  {
    rule: 'core-imports-only-what-is-below-it',
    path: 'packages/core/src/a.ts',
    source: importing('@dfs/protocol'),
    imports: ['packages/protocol'],
  },
  {
    rule: 'client-imports-only-what-is-below-it',
    path: 'packages/client/src/a.ts',
    source: importing('@dfs/service-kit'),
    imports: ['packages/service-kit'],
  },
  {
    rule: 'cli-imports-only-what-is-below-it',
    path: 'packages/cli/src/a.ts',
    source: importing('@dfs/public-api'),
    imports: ['packages/public-api'],
  },
  {
    rule: 'only-main-knows-the-public-api',
    path: 'services/master/src/a.ts',
    source: importing('@dfs/public-api'),
    imports: ['packages/public-api'],
  },
  {
    rule: 'every-package-is-in-the-graph',
    path: 'packages/novelty/src/a.ts',
    source: importing('@dfs/core'),
    imports: ['packages/core'],
  },
  {
    rule: 'pure-packages-import-nothing-of-the-world',
    path: 'packages/protocol/src/a.ts',
    source: "export { join } from 'node:path'\n",
  },
  {
    rule: 'pure-packages-import-no-framework',
    path: 'packages/volume/src/a.ts',
    source: "import { type FastifyInstance } from 'fastify'\nexport type App = FastifyInstance\n",
  },
  {
    rule: 'the-check-knows-no-table',
    path: 'packages/fsck/src/a.ts',
    source: "export { tables } from './sqlite/tables.ts'\n",
  },
  {
    rule: 'domain-imports-nothing-of-the-world',
    path: 'services/master/src/domain/a.ts',
    source: "export { createHash } from 'node:crypto'\n",
  },
  {
    rule: 'domain-imports-no-edge',
    path: 'services/master/src/domain/a.ts',
    source: importing('@dfs/node-runtime'),
    imports: ['packages/node-runtime'],
  },
  {
    rule: 'packages-are-imported-by-name',
    path: 'packages/client/src/a.ts',
    source: importing('../../core/src/index.ts'),
    imports: ['packages/core'],
  },
  {
    rule: 'packages-are-imported-at-their-door',
    path: 'packages/client/src/a.ts',
    source: "export { inner } from '../../core/src/inner.ts'\n",
    imports: ['packages/core'],
  },
  {
    rule: 'everything-resolves',
    path: 'packages/client/src/a.ts',
    source: "export { inner } from '@dfs/core/src/inner.ts'\n",
    imports: ['packages/core'],
  },
  {
    rule: 'source-knows-no-test',
    path: 'packages/client/src/a.ts',
    source: "export { inner } from '../test/inner.ts'\n",
  },
  {
    rule: 'no-cycles',
    path: 'packages/client/src/a.ts',
    source: "import { b } from './b.ts'\nexport const a = (): number => b()\n",
  },
]

describe('the import rules', () => {
  it.each(VIOLATIONS)('$rule', ({ rule, path, source, imports = [] }) => {
    workspace.plant(path, source, imports)
    workspace.write('packages/client/test/inner.ts', 'export const inner = 1\n')
    workspace.write('packages/fsck/src/sqlite/tables.ts', 'export const tables = 1\n')
    workspace.write(
      'packages/client/src/b.ts',
      "import { a } from './a.ts'\nexport const b = (): number => a()\n",
    )
    const { exitCode, output } = workspace.checkImports()
    expect(output).toMatch(new RegExp(`^${path} -> .*: ${rule}$`, 'm'))
    expect(exitCode).toBe(1)
  })

  it('let a workspace without violations pass', () => {
    workspace.plant('packages/client/src/a.ts', importing('@dfs/core'), ['packages/core'])
    workspace.plant('services/master/src/main.ts', importing('@dfs/client'), ['packages/client'])
    expect(workspace.checkImports()).toEqual({ exitCode: 0, output: '' })
  })

  it('do not count as kept where nothing was read', () => {
    workspace.write('packages/README.md', '')
    expect(workspace.checkImports()).toEqual({
      exitCode: 1,
      output: 'only 0 of 0 files were read: the import rules were not checked\n',
    })
  })
})
