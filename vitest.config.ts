import { fileURLToPath } from 'node:url'
import { configDefaults, defineConfig } from 'vitest/config'

/** Each of these takes longer than all that is like it together: `npm run test:slow`, not part of `npm test`. */
const SLOW = [
  'test/simulation/every-*.test.ts',
  'test/tidy/import-rules.test.ts',
  'test/integration/large-file.test.ts',
  // Half a minute of silence, thousands of connections: time and not work.
  'test/integration/{copy-faults,damaged-log,deaths,many-connections,metadata-lost,operating,recover,restarts,restored-backup,slow-readers}.test.ts',
]

const project = (name: string, include: string[], timeoutMs: number) => ({
  extends: true as const,
  test: {
    name,
    include,
    exclude: [...configDefaults.exclude, ...SLOW],
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
  },
})

/** One file at a time: each starts a whole system of processes, or a browser. */
const serialProject = (name: string, include: string[], timeoutMs: number, globalSetup: string[] = []) => {
  const { extends: inherits, test } = project(name, include, timeoutMs)
  return { extends: inherits, test: { ...test, globalSetup, fileParallelism: false } }
}

const slowProject = () => {
  const { extends: inherits, test } = serialProject('slow', SLOW, 1_500_000)
  return { extends: inherits, test: { ...test, exclude: configDefaults.exclude } }
}

/** Programs that tests start, by the hundred, find their sources compiled: the launcher's services share the directory. */
const COMPILE_CACHE = fileURLToPath(new URL('./node_modules/.cache/node-compile', import.meta.url))

export default defineConfig({
  test: {
    env: { NODE_COMPILE_CACHE: COMPILE_CACHE },
    coverage: {
      provider: 'v8',
      include: ['{packages,services}/*/src/**/*.ts'],
      exclude: ['**/main.ts'],
      reporter: ['text', 'lcov'],
    },
    projects: [
      project(
        'unit',
        ['{packages,services}/*/test/**/*.test.ts', '{scripts,bench}/test/**/*.test.ts'],
        30_000,
      ),
      project('tidy', ['test/tidy/**/*.test.ts'], 120_000),
      project('contract', ['test/contract/**/*.test.ts'], 60_000),
      project('simulation', ['test/simulation/**/*.test.ts'], 300_000),
      serialProject(
        'integration',
        ['test/integration/[!l]*.test.ts', 'test/integration/launcher.test.ts'],
        240_000,
      ),
      slowProject(),
      // The old protocol while processes die and people type: at a person's pace, so not part of `npm test`.
      serialProject('line', ['test/integration/line-*.test.ts'], 240_000),
      // Programs of an earlier commit beside today's: needs the repository's history.
      serialProject('upgrade', ['test/upgrade/**/*.test.ts'], 600_000),
      // Processes killed, stopped, cut off and lied to: Linux, root and some tools (see docs/durability.md).
      serialProject('chaos', ['test/chaos/**/*.test.ts'], 1_200_000, ['test/chaos/global-setup.ts']),
      serialProject('container', ['test/container/**/*.test.ts'], 600_000, [
        'test/container/global-setup.ts',
      ]),
      serialProject('browser', ['test/browser/**/*.test.ts'], 240_000, ['test/browser/global-setup.ts']),
    ],
  },
})
