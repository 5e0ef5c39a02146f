/** What the fake cluster says of its health: well, until a test says otherwise; and of its files: each has what the test ordered. */
import {
  type Explanation,
  formatEtag,
  type HealthView,
  healthView,
  type WeakFiles,
  type WeakState,
} from '@dfs/protocol'
import { type FakeTree } from './tree.ts'

const AT_MS = Date.UTC(2026, 0, 2, 3, 4, 5)

export const WELL: HealthView = healthView([], {
  counts: {
    wanted: 3,
    isEstimate: false,
    byCopies: [{ copies: 3, volumes: 2, files: 5, bytes: 1024 }],
  },
  atMs: AT_MS,
})

/** One part on two servers, one of them gone. */
export function explanationOf(tree: FakeTree, path: string): Explanation {
  const { bytes, version } = tree.file(path)
  const size = bytes.byteLength
  const part = { start: 0, length: size, chunks: 1, volume: '100000004', volumeState: 'sealed' }
  const good = { server: 'chunk-1', serverId: 1, condition: 'good', says: 'synced', next: 'nothing' }
  const gone = {
    server: 'chunk-2',
    serverId: 2,
    condition: 'server-gone',
    says: 'chunk-2 is gone',
    next: 'wait',
  }
  return {
    path,
    etag: formatEtag(version),
    size,
    promised: 3,
    wanted: 3,
    condition: 'short',
    good: 1,
    says: 'It can be read; its weakest part has 1 of 3 copies.',
    parts: [{ ...part, condition: 'short', good: 1, copies: [good, gone] }],
    next: null,
  }
}

/** Every file of the tree, an empty page first. */
export function weakFilesOf(tree: FakeTree, state: WeakState, after: string | null): WeakFiles {
  const condition = state === 'lost' ? 'lost' : 'short'
  const good = state === 'lost' ? 0 : 1
  const paths = [...tree.entries].flatMap(([path, { kind }]) => (kind === 'file' ? [path] : []))
  const files = paths.map(
    (path) => ({ path, size: tree.file(path).bytes.byteLength, condition, good }) as const,
  )
  const page = { state, wanted: 3, examined: 9, total: files.length + 4 }
  return after === null ? { ...page, files: [], next: '/' } : { ...page, files, next: null }
}
