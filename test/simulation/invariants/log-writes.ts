/**
 * "What is in a log stays as it is" (R3, R8, R10 and the rule of failed syncs), judged by what a server asks of its disk: a log
 * grows only in the life that made it, and while its state says that it is open; after a failed write or sync it is left
 * alone; nothing is cut off or removed that may be committed; and a copy is removed, log first, when its volume was deleted.
 */
import { DiskError } from '@dfs/core'
import { type DiskOperation, type DiskWitness, type LifeName, type SimDisk } from '@dfs/sim-runtime'
import { type Ledger } from '../ledger/ledger.ts'
import { logName, stateName } from '../ledger/atlas.ts'
import { BrokenPromise } from './broken-promise.ts'

const ONE_LIFE = 'a log grows only in the life that made it'
const OPEN = 'only an open copy grows'
const FINAL = 'a log that failed once is never written or synced again'
const NO_ROOM = 'nothing follows what had no room'
const KEPT = 'nothing that is committed is cut off or overwritten'
const UNWANTED = 'only copies are removed that the master has released, or whose volume it has deleted'
const RETIRED = 'a log goes only when its note says so'
const NOTE_LAST = 'a note goes only when its log can not come back'
const GOING = 'a copy that goes is never written again'

interface KnownLog {
  readonly madeIn: string
  /** The life in which a write or a sync of it failed. */
  failedIn: string | null
  /** Something had no room: what stands behind the end is nobody's, and what is below it is as good as ever. */
  hadNoRoom: boolean
  writtenIn: string
}

const isLog = (name: string): boolean => name.startsWith('volumes/') && name.endsWith('.log')
const isNote = (name: string): boolean => name.startsWith('volumes/') && name.endsWith('.json')
const isNewNote = (name: string): boolean => name.startsWith('volumes/') && name.endsWith('.json.tmp')
const volumeOf = (name: string): number => Number.parseInt(name.slice('volumes/'.length), 16)

const textOf = (bytes: Uint8Array | null): string => Buffer.from(bytes ?? []).toString()
const isRetired = (note: string): boolean => note.includes('"state":"retired"')
const replicaOf = (note: string): string | undefined => /"replica":(\d+),"state"/.exec(note)?.[1]

export class LogWriteRules implements DiskWitness {
  readonly #disk: SimDisk
  readonly #ledger: Ledger
  readonly #report: (error: Error) => void
  readonly #logs = new Map<string, KnownLog>()
  /** Logs that are gone. */
  removedCount = 0

  constructor(disk: SimDisk, ledger: Ledger, report: (error: Error) => void) {
    this.#disk = disk
    this.#ledger = ledger
    this.#report = report
  }

  begins(operation: DiskOperation, life: LifeName): void {
    const { kind, name } = operation
    if (kind === 'rename' && isNewNote(name)) this.#checkNote(name)
    if (kind === 'remove') this.#checkRemoval(name)
    if (!isLog(name)) return
    if (kind === 'append' || kind === 'sync') this.#checkWrite(operation, life)
    if (kind === 'truncate' || kind === 'write' || kind === 'rename') this.#checkKept(operation)
    if (kind === 'open' && this.#disk.names.get(name) === null) {
      this.#logs.set(name, {
        madeIn: nameOf(life),
        failedIn: null,
        hadNoRoom: false,
        writtenIn: nameOf(life),
      })
    }
  }

  ends({ kind, name }: DiskOperation, error: Error | null): void {
    if (kind === 'remove' && isLog(name) && error === null) this.removedCount += 1
    const log = this.#logs.get(name)
    if (error === null || log === undefined || (kind !== 'append' && kind !== 'sync')) return
    if (error instanceof DiskError && error.kind === 'full') log.hadNoRoom = true
    else log.failedIn = log.writtenIn
  }

  /** A power cut after the removal of a log must find the note: it is durable before. What is not there may be removed at any time. */
  #checkRemoval(name: string): void {
    if (!(isLog(name) || isNote(name)) || this.#disk.names.get(name) === null) return
    const volume = volumeOf(name)
    if (this.#isUnfinished(volume)) return
    if (!this.#mayGo(volume)) this.#broken(UNWANTED, name)
    if (isNote(name)) {
      const log = this.#disk.names.getDurable(logName(volume))
      if (log !== null) this.#broken(NOTE_LAST, name)
      return
    }
    const note = this.#disk.durable(stateName(volume))
    if (!isRetired(textOf(note))) this.#broken(RETIRED, `remove of ${name} beside ${textOf(note)}`)
    this.#logs.delete(name)
  }

  #mayGo(volume: number): boolean {
    const replica = replicaOf(this.#stateText(volume))
    return this.#ledger.deleted.has(volume) || this.#ledger.released.has(Number(replica))
  }

  /**
   * A copy of which nobody was told: there is no log, or an empty one without a note, which comes before the first byte. What a power cut
   * could bring back of an earlier copy's note says that that one goes.
   */
  #isUnfinished(volume: number): boolean {
    const [log, note] = [logName(volume), stateName(volume)]
    if (!this.#isAnywhere(log)) return true
    const earlier = this.#disk.durable(note)
    const isNoted = this.#disk.peek(note) !== null || (earlier !== null && !isRetired(textOf(earlier)))
    return !isNoted && this.#disk.peek(log)?.byteLength === 0
  }

  /** Now, or after a power cut. */
  #isAnywhere(name: string): boolean {
    return this.#disk.peek(name) !== null || this.#disk.durable(name) !== null
  }

  /** What is about to take the place of a note: one that goes may only be followed by that of a newer copy. */
  #checkNote(temporary: string): void {
    const volume = volumeOf(temporary)
    const [before, after] = [this.#stateText(volume), textOf(this.#disk.peek(temporary))]
    if (!isRetired(before) || isRetired(after)) return
    if (replicaOf(before) === replicaOf(after)) this.#broken(GOING, `a note after ${before}: ${after}`)
  }

  #checkWrite(operation: DiskOperation, life: LifeName): void {
    const { kind, name } = operation
    if (isRetired(this.#stateText(volumeOf(name)))) this.#broken(GOING, `${kind} of ${name}`)
    const log = this.#logs.get(name)
    if (log?.failedIn === nameOf(life) || this.#isFailed(volumeOf(name))) {
      this.#broken(FINAL, `${kind} of ${name}`)
    }
    if (log !== undefined) log.writtenIn = nameOf(life)
    if (kind === 'sync' || this.#isRepair(operation)) return
    if (log?.hadNoRoom === true) this.#broken(NO_ROOM, name)
    if (log?.madeIn !== nameOf(life)) this.#broken(ONE_LIFE, `${kind} of ${name} in ${nameOf(life)}`)
    if (this.#isClosed(volumeOf(name))) this.#broken(OPEN, name)
  }

  #checkKept({ kind, name, at }: DiskOperation): void {
    const volume = this.#ledger.volumes.get(volumeOf(name))
    if (volume === undefined) return
    const { committedEnd, isSealed } = volume
    const isRepair = kind === 'write' && isSealed && at < committedEnd
    const isTailCut = kind === 'truncate' && isSealed && at >= committedEnd
    if (committedEnd > 0 && !isRepair && !isTailCut) {
      this.#broken(KEPT, `${kind} of ${name} at ${at}, committed to ${committedEnd}, sealed: ${isSealed}`)
    }
  }

  /** Whether bytes come back that were missing below the sealed length. */
  #isRepair({ name, at, bytes }: DiskOperation): boolean {
    const volume = this.#ledger.volumes.get(volumeOf(name))
    return volume?.isSealed === true && at + bytes <= volume.committedEnd && !this.#isOpen(volumeOf(name))
  }

  #isOpen(volume: number): boolean {
    return this.#stateText(volume).includes('"state":"open"')
  }

  /** A state in which a fault has turned a bit says neither: the server goes by what it knows. */
  #isClosed(volume: number): boolean {
    return /"state":"(sealed|failed)"/.test(this.#stateText(volume))
  }

  /** Noted as failed, in whichever life. */
  #isFailed(volume: number): boolean {
    return this.#stateText(volume).includes('"state":"failed"')
  }

  #stateText(volume: number): string {
    return textOf(this.#disk.peek(stateName(volume)))
  }

  #broken(promise: string, evidence: string): void {
    this.#report(new BrokenPromise(promise, evidence))
  }
}

/** Attaches the rules to a disk. */
export function watchLogs(disk: SimDisk, ledger: Ledger, report: (error: Error) => void): LogWriteRules {
  const rules = new LogWriteRules(disk, ledger, report)
  disk.witness = rules
  return rules
}

const nameOf = ({ node, number }: LifeName): string => `life ${number} of ${node}`
