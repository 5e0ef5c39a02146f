/**
 * A simulated node: one disk, one address, and one life after the other. What a service is handed is the runtime of one life;
 * after a crash it is worth nothing, and the service is started again with the runtime that `restart` returns.
 */
import { assert, type Runtime } from '@dfs/core'
import { SimClock } from './clock.ts'
import { ClockSkew } from './clock-skew.ts'
import { AttachedDisk } from './disk/attached-disk.ts'
import { SimDisk } from './disk/sim-disk.ts'
import { Life } from './life.ts'
import { LogRecorder } from './log.ts'
import { type SimNetwork } from './network/sim-network.ts'
import { SimTransport } from './network/sim-transport.ts'
import { type Simulation } from './simulation.ts'

/** `process`: what the kernel was given stays. `power`: only what was synced is sure to stay. */
export type CrashKind = 'process' | 'power'

export interface SimNodeOptions {
  readonly network: SimNetwork
  /** Its address, and its name in traces. */
  readonly name: string
  readonly diskBytes?: number
}

export class SimNode {
  readonly name: string
  readonly log: LogRecorder
  readonly #skew = new ClockSkew()
  readonly #simulation: Simulation
  readonly #network: SimNetwork
  #disk: SimDisk
  #livesCount = 1
  #pausesCount = 0
  #life: Life
  #runtime: Runtime

  constructor({ network, name, diskBytes }: SimNodeOptions) {
    this.name = name
    this.#network = network
    this.#simulation = network.simulation
    this.#disk = new SimDisk(this.#simulation.random.fork(`disk of ${name}`), diskBytes)
    this.log = new LogRecorder(() => this.#simulation.nowMs)
    this.#life = new Life(this.#simulation, name, this.#livesCount)
    this.#runtime = this.#makeRuntime()
  }

  /** What the present life is given. */
  get runtime(): Runtime {
    return this.#runtime
  }

  get disk(): SimDisk {
    return this.#disk
  }

  /** Puts another disk into a node that is down; what is on the old one goes with it. */
  replaceDisk(disk: SimDisk): void {
    assert(this.#life.isOver, `${this.name} runs: its disk stays`)
    this.#simulation.note(this.name, 'another disk')
    this.#disk = disk
  }

  /** By how much its wall clock is wrong; may be changed at any time. */
  get wallOffsetMs(): number {
    return this.#skew.wallOffsetMs
  }

  set wallOffsetMs(ms: number) {
    this.#skew.wallOffsetMs = ms
  }

  /** Milliseconds of its clocks for each true one, from now on. Its timeouts become shorter or longer by it. */
  setClockRate(rate: number): void {
    this.#skew.setRate(rate, this.#simulation.nowMs)
  }

  /** How many times it was started. */
  get livesCount(): number {
    return this.#livesCount
  }

  /** How many times it was paused. */
  get pausesCount(): number {
    return this.#pausesCount
  }

  get isUp(): boolean {
    return !this.#life.isOver
  }

  /** Ends the present life at once. Idempotent. */
  crash(kind: CrashKind = 'power'): void {
    if (this.#life.isOver) return
    this.#simulation.note(this.name, `crash ${kind}`)
    this.#life.end()
    this.#network.drop(this.name, this.#life, kind === 'power')
    if (kind === 'power') this.#disk.cutPower()
  }

  /** Begins a new life on the same disk, and returns what to start the service with. */
  restart(): Runtime {
    assert(this.#life.isOver, `${this.name} runs already`)
    this.#simulation.note(this.name, 'restart')
    this.#network.lightUp(this.name)
    this.#livesCount += 1
    this.#life = new Life(this.#simulation, this.name, this.#livesCount)
    this.#runtime = this.#makeRuntime()
    return this.#runtime
  }

  /** Stops the process without its noticing; calls to it wait. */
  pause(): void {
    this.#pausesCount += 1
    this.#life.pause()
  }

  resume(): void {
    this.#life.resume()
  }

  #makeRuntime(): Runtime {
    const life = this.#life
    const skew = this.#skew
    return Object.freeze({
      clock: new SimClock(this.#simulation, life, skew),
      random: this.#simulation.random.fork(`${this.name} life ${this.#livesCount}`),
      disk: new AttachedDisk(this.#disk, life),
      transport: new SimTransport({ network: this.#network, address: this.name, life, skew, log: this.log }),
      log: this.log,
    })
  }
}

/** A node of the network, running, with nothing served yet. */
export const simNode = (network: SimNetwork, name: string, diskBytes?: number): SimNode =>
  new SimNode({ network, name, ...(diskBytes === undefined ? {} : { diskBytes }) })
