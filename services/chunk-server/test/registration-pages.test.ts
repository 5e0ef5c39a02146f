/** All copies of a server become known to the master, however many there are, and whatever the master forgets in between. */
import { assert, TransportError } from '@dfs/core'
import { DfsError, type ReplicaReport, REPORTS_PER_PAGE_MAX } from '@dfs/protocol'
import { describe, expect, it } from 'vitest'
import { type LastPage, type Page, sendPages } from '../src/master/registration-pages.ts'

const MAX = REPORTS_PER_PAGE_MAX

const reports = (count: number): ReplicaReport[] =>
  Array.from({ length: count }, (_, index) => ({
    volume: index + 1,
    replica: index + 1,
    state: 'sealed',
    lengthBytes: 0,
    verifiedToBytes: 0,
  }))

/** A master that keeps pages: it takes one that follows what it has, or that it has already. */
class Staging {
  kept: ReplicaReport[] = []
  readonly pages: number[] = []
  /** What becomes of the n-th page; it is kept unless a test says otherwise. */
  before: (count: number) => void = () => {}

  readonly send = async ({ from, replicas }: Page): Promise<{ staged: number }> => {
    this.pages.push(from)
    this.before(this.pages.length)
    if (from === this.kept.length) this.kept = [...this.kept, ...replicas]
    return { staged: this.kept.length }
  }

  /** What it knows after the registration. */
  known({ replicas, staged = 0 }: LastPage): ReplicaReport[] {
    assert(staged === this.kept.length, 'as many are there as the registration says')
    return [...this.kept, ...replicas]
  }
}

describe('the reports of a registration', () => {
  it.each([
    [0, []],
    [1, []],
    [MAX, []],
    [MAX + 1, [0]],
    [2 * MAX, [0]],
    [2 * MAX + 1, [0, MAX]],
    [5 * MAX - 1, [0, MAX, 2 * MAX, 3 * MAX]],
  ])('%i of them go ahead in pages, but the last page', async (count, pages) => {
    const master = new Staging()
    const last = await sendPages(reports(count), master.send)
    expect(master.pages).toEqual(pages)
    expect(last.replicas.length).toBeLessThanOrEqual(MAX)
    expect('staged' in last).toBe(pages.length > 0)
    expect(master.known(last)).toEqual(reports(count))
  })

  it('begin anew with a master that has lost some', async () => {
    const master = new Staging()
    master.before = (count) => {
      if (count === 3) master.kept = []
    }
    const last = await sendPages(reports(4 * MAX), master.send)
    expect(master.pages).toEqual([0, MAX, 2 * MAX, 0, MAX, 2 * MAX])
    expect(master.known(last)).toEqual(reports(4 * MAX))
  })

  it('are not sent for ever to a master that keeps none: the registration is tried again later', async () => {
    const master = new Staging()
    master.before = () => (master.kept = [])
    await expect(sendPages(reports(3 * MAX), master.send)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(master.pages.length).toBeLessThan(10)
  })

  it('go all at once to a master that does not know pages', async () => {
    const replicas = reports(3 * MAX)
    const send = async (): Promise<never> => {
      throw new DfsError('ROUTE_NOT_FOUND', 'POST /v1/servers/reports')
    }
    expect(await sendPages(replicas, send)).toEqual({ replicas })
  })

  it.each([
    new DfsError('UNAVAILABLE', 'no room for pages'),
    new DfsError('STALE_INCARNATION', 'a newer one runs'),
    new TransportError('the connection broke', { wasSent: true }),
  ])('are not registered when a page is not taken: %s', async (error) => {
    const send = (): Promise<never> => Promise.reject(error)
    await expect(sendPages(reports(2 * MAX), send)).rejects.toBe(error)
  })
})
