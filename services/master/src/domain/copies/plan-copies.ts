/**
 * The one planner of copies: repair, return, drain, zones and balance. Each action must lower one potential Φ (potential.ts), so none can
 * undo what another has done, and the plan comes to rest. It decides; transactions carry out, and look again.
 *
 * Missing copies come first, those of which fewest are left before the others; then what is not needed goes; then, if nobody waits for a
 * stream, copies are moved.
 */
import { Draft, type VolumeDraft } from './draft.ts'
import { move } from './moves.ts'
import { restore } from './restore.ts'
import { type Tally } from './tally.ts'
import { tidy } from './tidy.ts'
import { UrgencyHeap } from './urgency.ts'
import { type CopyLimits, type CopyPlan, type CopyView, type VolumeView } from './view.ts'

export function planCopies(view: CopyView, limits: CopyLimits): CopyPlan {
  const draft = new Draft(view, limits)
  const short = new UrgencyHeap()
  const unsettled: VolumeDraft[] = []
  const settled: VolumeView[] = []
  for (const volume of view.volumes) {
    const tally = draft.tally(volume)
    if (isSettled(tally, volume)) settled.push(volume)
    else {
      const own = { ...volume }
      unsettled.push(own)
      if (tally.counted < volume.wanted) short.add({ volume: own, whole: tally.whole })
    }
  }
  if (!view.mayAct) return waitForMajority(unsettled)
  for (let next = short.next(); next !== undefined; next = short.next()) restore(draft, next.volume)
  for (const volume of unsettled) tidy(draft, volume)
  const isAnyoneWaiting = draft.waiting.some(({ code }) => code === 'streams-busy')
  if (!isAnyoneWaiting) move(draft, settled)
  return { actions: draft.actions, waiting: draft.waiting }
}

/** Whether it has all that it wants, and nothing beside that but on servers that are gone. */
const isSettled = ({ inSync, counted, unsettled }: Tally, { wanted }: VolumeView): boolean =>
  inSync === wanted && counted === wanted && unsettled === 0

const waitForMajority = (volumes: readonly VolumeView[]): CopyPlan => ({
  actions: [],
  waiting: volumes.map(({ id }) => ({ volume: id, code: 'waiting-for-majority', servers: [] })),
})
