/** What Node says of a timer that others do not. */
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { NodeClock } from '../src/index.ts'

it('says nothing on standard error if the time of a sleep has passed already', async () => {
  const warnings: string[] = []
  const note = (warning: Error): void => void warnings.push(warning.name)
  process.on('warning', note)
  await new NodeClock().sleep(-0.001)
  const marked = once(process, 'warning')
  process.emitWarning('the last one', 'MarkWarning')
  await marked
  process.off('warning', note)
  expect(warnings).toEqual(['MarkWarning'])
})
