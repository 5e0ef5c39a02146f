/** Every reason of health is explained to operators, and nothing is explained that no reason says. */
import { HEALTH_CODES, HEALTH_STATES } from '@dfs/protocol'
import { expect, test } from 'vitest'
import { filesOf } from './repository.ts'

const operating = filesOf(['docs/operating.md'])[0]!.text

test('docs/operating.md has a paragraph for every code of health, and for every state', () => {
  const explained = [...operating.matchAll(/^\*\*`([a-z-]+)`\*\* \(/gm)].map(([, code]) => code!)
  expect(explained.toSorted()).toEqual(Object.keys(HEALTH_CODES).toSorted())
  for (const state of HEALTH_STATES) expect(operating).toMatch(new RegExp(`^\\| \`${state}\` `, 'm'))
})

test('every reason says what to do, in sentences', () => {
  for (const [code, next] of Object.entries(HEALTH_CODES)) expect(next, code).toMatch(/^[A-Z].*[.]$/)
})
