/** The configuration reference says what the schemas say, so that no setting goes undocumented and none is invented. */
import { expect, test } from 'vitest'
import { withTables } from '../../scripts/configuration/tables.ts'
import { filesOf } from './repository.ts'

/** The formatter pads the cells of tables. */
const unpadded = (text: string): string =>
  text
    .replaceAll(/ +/g, ' ')
    .replaceAll(/-{3,}/g, '---')
    .replaceAll(/\n{2,}/g, '\n')

test('docs/configuration.md has the tables of the schemas (npm run reference rewrites them)', () => {
  const page = filesOf(['configuration.md'], ['docs'])[0]?.text ?? ''
  expect(unpadded(page)).toBe(unpadded(withTables(page)))
})

test('a page without a place for a table is refused', () => {
  expect(() => withTables('# Configuration\n')).toThrow('no place for: every service')
})
