/**
 * What repair waits for, in words, for health and whoever watches: of this start of the master, as the last plans have found it.
 */
import { formatNames } from '@dfs/core'
import { type ActAnswer } from '../domain/copies/may-act.ts'
import { type WaitCode, type Waiting } from '../domain/copies/view.ts'
import { WaitingVolumes } from '../domain/copies/waiting-volumes.ts'
import { type Sessions } from './sessions.ts'

const NAMED_MAX = 3

/** The most telling first. */
const WORDS: ReadonlyMap<WaitCode, string> = new Map([
  ['waiting-for-majority', 'waiting for a majority of the servers'],
  ['no-good-copy', 'no server that is there has anything to copy from'],
  ['no-room', 'no server has room'],
  ['no-server', 'no other server'],
  ['unreachable', 'servers cannot reach each other'],
  ['back-off', 'copies have failed there, it is tried again later'],
  ['waiting-for-server', 'waiting for a server that may come back'],
  ['waiting-for-verification', 'copies are being read first'],
  ['waiting-for-drop', 'an older copy is removed first'],
  ['release-limit', 'copies are removed slowly'],
  ['streams-busy', 'others go first'],
  ['next-turn', 'others go first'],
])

export interface WaitReason {
  readonly code: WaitCode
  readonly volumes: number
  readonly servers: readonly string[]
  /** For people. */
  readonly text: string
}

export class RepairStatus {
  readonly #sessions: Pick<Sessions, 'view'>
  readonly #waiting = new WaitingVolumes()
  #act: ActAnswer = { mayAct: false, waitsFor: [], waitMs: 0 }
  #hasMore = true

  constructor(sessions: Pick<Sessions, 'view'>) {
    this.#sessions = sessions
  }

  /** A turn has looked at these volumes. */
  note(looked: readonly number[], waiting: readonly Waiting[], act: ActAnswer, hasMore: boolean): void {
    this.#waiting.note(looked, waiting)
    this.#act = act
    this.#hasMore = hasMore
  }

  /** What volumes wait for that are not as they should be; each with those it is about. */
  reasons(): WaitReason[] {
    const names = new Map(this.#sessions.view().map(({ id, name }) => [id, name]))
    const byCode = new Map(this.#waiting.summary().map((summary) => [summary.code, summary]))
    return [...WORDS].flatMap(([code, words]) => {
      const reason = byCode.get(code)
      if (reason === undefined) return []
      const about = code === 'waiting-for-majority' ? this.#act.waitsFor : [...reason.servers]
      const servers = about.map((id) => names.get(id) ?? `server ${id}`)
      const text = servers.length === 0 ? words : `${words}: ${formatNames(servers, NAMED_MAX)}`
      return [{ code, volumes: reason.volumes, servers, text }]
    })
  }

  /** Volumes that wait. */
  get waitingCount(): number {
    return this.#waiting.size
  }

  /** What the worker says of itself. */
  why(): string {
    const { mayAct, waitsFor, waitMs } = this.#act
    if (waitsFor.length > 0) return 'it waits for a majority of the servers'
    if (!mayAct) return `servers have ${Math.ceil(waitMs / 1000)} s more to register after the start`
    const [first] = this.reasons()
    if (first !== undefined) return first.text
    return this.#hasMore ? 'copies are on their way' : 'every volume has its copies'
  }
}
