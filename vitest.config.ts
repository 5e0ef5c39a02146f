import { defineConfig } from 'vitest/config'

const project = (name: string, include: string[], timeoutMs: number) => ({
  extends: true as const,
  test: { name, include, testTimeout: timeoutMs, hookTimeout: timeoutMs },
})

/** One file at a time: each starts a whole system, and measures nothing. */
const containers = () => {
  const { extends: inherits, test } = project('container', ['test/container/**/*.test.ts'], 600_000)
  const globalSetup = ['test/container/global-setup.ts']
  return { extends: inherits, test: { ...test, globalSetup, fileParallelism: false } }
}

export default defineConfig({
  test: {
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
        10_000,
      ),
      project('tidy', ['test/tidy/**/*.test.ts'], 60_000),
      project('contract', ['test/contract/**/*.test.ts'], 20_000),
      project('simulation', ['test/simulation/**/*.test.ts'], 120_000),
      project('integration', ['test/integration/**/*.test.ts'], 120_000),
      containers(),
      {
        extends: true as const,
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          globalSetup: ['test/browser/global-setup.ts'],
          testTimeout: 240_000,
          hookTimeout: 120_000,
          // One browser at a time.
          fileParallelism: false,
        },
      },
    ],
  },
})
