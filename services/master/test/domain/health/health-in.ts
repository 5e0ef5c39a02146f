/** What is said of a cluster that is as a test has it. */
import { type HEALTH_CODES, type HealthReason, type HealthView } from '@dfs/protocol'
import { expect } from 'vitest'
import { CopyTally } from '../../../src/domain/health/copy-tally.ts'
import { type Volume } from '../../../src/domain/metadata/volume.ts'
import { type ClusterFacts } from '../../../src/domain/health/facts.ts'
import { healthOf } from '../../../src/domain/health/health.ts'
import { type CopiesFacts } from '../../../src/domain/shipping/copies-facts.ts'
import { SeenServers } from '../../../src/domain/health/seen-servers.ts'
import { type SeenServer } from '../../../src/metadata/copy-store.ts'
import { type Copy, INCARNATION, server, volumeWith } from './books-of-copies.ts'

export const NOW_MS = 1_800_000_000_000

export interface Situation extends Partial<Omit<ClusterFacts, 'tally' | 'seen'>> {
  readonly servers: readonly SeenServer[]
  readonly volumes?: readonly Volume[]
  readonly wanted?: number
}

export function healthIn({ servers, volumes = [], wanted = 3, ...facts }: Situation): HealthView {
  const seen = new SeenServers(servers)
  const tally = new CopyTally(seen, wanted)
  for (const volume of volumes) tally.addVolume(volume)
  return healthOf({
    tally: tally.result(),
    seen,
    minReplicas: 2,
    hasMajority: true,
    isInGrace: false,
    backupRefused: null,
    isMetadataFull: false,
    kept: [],
    recovery: null,
    repair: NOTHING_TO_REPAIR,
    copies: COPIES,
    nowWallMs: NOW_MS,
    ...facts,
  })
}

const holder = (id: number, ageMs: number | null = 0) => {
  return { server: id, name: `chunk-${id}`, isWhole: ageMs !== null, ageMs, bytesBehind: 0 }
}
/** Of the metadata, as they should be. */
const COPIES: CopiesFacts = {
  holders: [holder(1), holder(2), holder(3)],
  fewForMs: 0,
  ageMs: 0,
  bytesBehind: 0,
  fenced: null,
  bytesSent: 0,
  snapshots: 1,
}
export const NOTHING_TO_REPAIR = { copies: 0, bytesLeft: 0, bytesPerSecond: 0, waiting: [] }
export const three = [server(1), server(2), server(3)]
/** 7 files on three servers. */
export const stored = (state: Copy['state'] = 'inSync', made = INCARNATION): Volume =>
  volumeWith(
    [1, 2, 3].map((id) => ({ server: id, state, incarnation: made })),
    { files: 7, bytes: 2 ** 20 },
  )

export const codesOf = ({ reasons }: HealthView): string[] => reasons.map(({ code }) => code)
export const reason = (view: HealthView, code: keyof typeof HEALTH_CODES): HealthReason => {
  const found = view.reasons.find((each) => each.code === code)
  expect(found, `${code} in ${codesOf(view).join()}`).toBeDefined()
  return found!
}
