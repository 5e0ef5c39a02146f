/** Changes of health are said once each. */
import { healthReason, type HealthReason, healthView, type HealthView } from '@dfs/protocol'
import { expect, it } from 'vitest'
import { HealthWatch } from '../cluster/health-watch.ts'

const gone = (text: string): HealthReason => healthReason('server-gone', { state: 'degraded', text })
const lost = healthReason('files-lost', { state: 'unavailable', text: '3 files have no good copy' })
const view = (...reasons: HealthReason[]): HealthView => healthView(reasons, { counts: null, atMs: 1 })

async function linesOf(...views: (HealthView | null)[]): Promise<string[]> {
  const lines: string[] = []
  const watch = new HealthWatch(
    async () => views.shift() ?? null,
    (line) => lines.push(line),
  )
  for (let left = views.length; left > 0; left -= 1) await watch.look()
  return lines
}

it('says each change once, and that all is well again', async () => {
  const views = [
    view(),
    view(gone('a is gone')),
    null,
    view(gone('a and b are gone')),
    view(lost, gone('x')),
    view(),
  ]
  expect(await linesOf(...views)).toEqual([
    'health: degraded: server-gone: a is gone',
    'health: unavailable: files-lost: 3 files have no good copy; server-gone: x',
    'health: healthy again',
  ])
})

it('names some reasons and counts the rest', async () => {
  const codes = ['files-lost', 'server-gone', 'server-full', 'verifying', 'metadata-kept'] as const
  const many = codes.map((code) => healthReason(code, { state: 'degraded', text: 'x' }))
  expect(await linesOf(view(...many))).toEqual([
    'health: degraded: files-lost: x; server-gone: x; server-full: x; and 2 more: see npx dfs status',
  ])
})

it('asks nothing while it waits for an answer', async () => {
  let asked = 0
  const answer = Promise.withResolvers<HealthView | null>()
  const watch = new HealthWatch(
    () => {
      asked += 1
      return answer.promise
    },
    () => {},
  )
  const looking = watch.look()
  await watch.look()
  answer.resolve(null)
  await looking
  expect(asked).toBe(1)
})
