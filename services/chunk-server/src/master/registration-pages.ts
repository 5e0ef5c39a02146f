/**
 * The reports of a registration in pages: one call does not carry those of all copies that a disk may have. What comes before
 * the last page is sent ahead, and kept by the master until the registration itself.
 */
import { DfsError, type ReportCopiesRequest, type ReplicaReport, REPORTS_PER_PAGE_MAX } from '@dfs/protocol'

/** The master may start anew between two pages, or give up waiting; more often than this something else is wrong. */
const BEGINNINGS_MAX = 3

export type Page = Pick<ReportCopiesRequest, 'from' | 'replicas'>

/** What the registration carries itself. */
export interface LastPage {
  readonly replicas: ReplicaReport[]
  /** How many reports are there already; left out if there are none. */
  readonly staged?: number
}

/**
 * Sends all but the last page, one after the other. UNAVAILABLE if the master does not keep them; rejects as `send` does. A
 * master that is older than pages gets all with the registration.
 */
export async function sendPages(
  replicas: ReplicaReport[],
  send: (page: Page) => Promise<{ readonly staged: number }>,
): Promise<LastPage> {
  const pages = pagesOf(replicas)
  const last = pages.pop()
  if (last === undefined || pages.length === 0) return { replicas }
  try {
    for (let beginnings = 1; ; beginnings += 1) {
      if (await areStaged(pages, send)) return { replicas: last.replicas, staged: last.from }
      if (beginnings === BEGINNINGS_MAX)
        throw new DfsError('UNAVAILABLE', 'the master does not keep the pages of a registration')
    }
  } catch (error) {
    if (error instanceof DfsError && error.code === 'ROUTE_NOT_FOUND') return { replicas }
    throw error
  }
}

function pagesOf(replicas: readonly ReplicaReport[]): Page[] {
  const pages: Page[] = []
  for (let from = 0; from < replicas.length; from += REPORTS_PER_PAGE_MAX) {
    pages.push({ from, replicas: replicas.slice(from, from + REPORTS_PER_PAGE_MAX) })
  }
  return pages
}

/** Whether the master has all of them; if it has lost some in between, the rest is not sent. */
async function areStaged(
  pages: readonly Page[],
  send: (page: Page) => Promise<{ readonly staged: number }>,
): Promise<boolean> {
  for (const page of pages) {
    const { staged } = await send(page)
    if (staged < page.from + page.replicas.length) return false
  }
  return true
}
