/** An event is heard by all who were added, each time, in their order. */
import { Listeners } from '@dfs/core'
import { expect, it } from 'vitest'

it('calls whoever was added, in order, with what is told', () => {
  const heard: string[] = []
  const news = new Listeners<[string, number]>()
  news.call('nobody hears', 0)
  news.add((what, count) => heard.push(`first ${what} ${count}`))
  news.add((what) => heard.push(`second ${what}`))
  news.call('this', 1)
  news.call('that', 2)
  expect(heard).toEqual(['first this 1', 'second this', 'first that 2', 'second that'])
})
