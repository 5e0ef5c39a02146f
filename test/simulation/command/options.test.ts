/** The command line says what it does not understand instead of running something else. */
import { expect, test } from 'vitest'
import { parseOptions } from './options.ts'

test('takes a number of seeds, a time, or one seed', () => {
  expect(parseOptions([])).toMatchObject({ seedsCount: 200, minutes: null, seed: null, first: 0 })
  expect(parseOptions(['--seeds', '7', '--first', '3', '--jobs', '1'])).toMatchObject({
    seedsCount: 7,
    first: 3,
    jobs: 1,
  })
  expect(parseOptions(['--minutes', '0.5'])).toMatchObject({ seedsCount: null, minutes: 0.5 })
  expect(parseOptions(['--seed', 'x', '--shrink'])).toMatchObject({ seed: 'x', isShrinking: true })
  expect(parseOptions(['--seed', 'x', '--trace', 'y'])).toMatchObject({ seed: 'x', traceFile: 'y' })
})

test.each([
  [['--seeds', '0']],
  [['--seeds', 'many']],
  [['--minutes', '0']],
  [['--seeds', '1', '--seed', 'x']],
  [['--shrink']],
  [['--trace', 'events']],
  [['--speed', '1']],
])('refuses %j', (argv) => {
  expect(() => parseOptions(argv)).toThrow(/needs|exclude|Unknown/)
})
