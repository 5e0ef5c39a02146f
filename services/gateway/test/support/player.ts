/** Plays a transcript against a running gateway, on a virtual clock and connections in memory. */
import { expect } from 'vitest'
import { assert, silentLog } from '@dfs/core'
import { type ErrorCode } from '@dfs/protocol'
import {
  buildGateway,
  GATEWAY_DEFAULTS,
  type Gateway,
  type GatewaySettings,
  type GatewayPorts,
} from '../../src/index.ts'
import { ManualClock } from '@dfs/core/testing'
import { type MemoryClient, MemoryNetwork } from './memory-network.ts'
import { MemoryStore } from './memory-store.ts'
import { bytesOf, type Step, type Transcript } from './transcript.ts'

/** Nobody waits longer than this for the end of an unterminated message. */
const QUIET_ENOUGH_MS = 1000

export interface Stage {
  readonly clock: ManualClock
  readonly network: MemoryNetwork
  readonly store: MemoryStore
  readonly gateway: Gateway
  readonly ports: GatewayPorts
}

/** A gateway on ports 5011, 6001 to 6003, 5000 and 6004 of a network of its own. */
export async function makeStage(settings: Partial<GatewaySettings> = {}): Promise<Stage> {
  const clock = new ManualClock()
  const network = new MemoryNetwork()
  const store = new MemoryStore()
  const gateway = buildGateway({
    store,
    clock,
    log: silentLog,
    settings: { ...GATEWAY_DEFAULTS, ...settings },
    listen: network.listen,
  })
  return { clock, network, store, gateway, ports: await gateway.start() }
}

export interface PlayOptions {
  /** What {end} stands for. */
  readonly end: string
  /** Cuts the bytes of one step into packets. */
  readonly cut: (bytes: Uint8Array) => readonly Uint8Array[]
}

export async function play(transcript: Transcript, options: PlayOptions): Promise<void> {
  const stage = await makeStage(settingsOf(transcript))
  prepare(stage.store, transcript)
  const clients = new Map<string, MemoryClient>()
  clients.set('', stage.network.connect(portOf(stage, settingOf(transcript, 'port') ?? 'files')))
  for (const step of transcript.steps) await playStep(step, stage, clients, options)
  await stage.clock.settle()
  for (const client of clients.values()) expect(readable(client.take()), 'nothing more').toBe('')
  await closeStage(stage)
}

/** Closes the gateway and lets the time pass that this may take. */
export async function closeStage({ gateway, clock }: Stage): Promise<void> {
  const closed = gateway.close()
  await clock.advance(GATEWAY_DEFAULTS.drainDeadlineMs)
  await closed
}

/** Whether each message could be sent before the reply to the one before has come. */
export const canPipeline = ({ steps }: Transcript): boolean =>
  steps.every(
    (step) => ['send', 'receive', 'stored'].includes(step.kind) && (!('label' in step) || step.label === ''),
  )

/** The same messages and replies, all messages in one packet. */
export function pipelined(transcript: Transcript): Transcript {
  const join = (kind: 'send' | 'receive'): Step => ({
    kind,
    label: '',
    text: transcript.steps.map((step) => (step.kind === kind ? step.text : '')).join(''),
  })
  // What was stored in between cannot be seen; the last state of each file can.
  const stored = new Map(
    transcript.steps.flatMap((step) => (step.kind === 'stored' ? [[step.name, step] as const] : [])),
  )
  return { ...transcript, steps: [join('send'), join('receive'), ...stored.values()] }
}

async function playStep(
  step: Step,
  stage: Stage,
  clients: Map<string, MemoryClient>,
  { end, cut }: PlayOptions,
): Promise<void> {
  const { clock } = stage
  const client = 'label' in step ? clients.get(step.label) : undefined
  switch (step.kind) {
    case 'open':
      clients.set(step.label, stage.network.connect(portOf(stage, step.port), step.address))
      return
    case 'send':
      for (const packet of cut(bytesOf(step.text, end))) client!.send(packet.slice())
      if (end === '' && step.text.includes('{end}')) await clock.advance(QUIET_ENOUGH_MS)
      return
    case 'receive':
      await clock.settle()
      expect(readable(client!.take())).toBe(readable(bytesOf(step.text, end)))
      return
    case 'quiet':
      await clock.advance(step.ms)
      return
    case 'silence':
      await clock.settle()
      expect(readable(client!.take())).toBe('')
      return
    case 'half-close':
      client!.end()
      return
    case 'reset':
      client!.reset()
      return
    case 'fin':
    case 'gone':
      await clock.settle()
      expect(client!.ending).toBe(step.kind === 'fin' ? 'fin' : 'reset')
      return
    case 'stored': {
      await clock.settle()
      const content = stage.store.files.get(`/${step.name}`)
      expect(content === undefined ? '-' : readable(content)).toBe(readable(bytesOf(step.text, end)))
    }
  }
}

/** Short if bytes are many, so that a failure can be read. */
function readable(bytes: Uint8Array): string {
  const text = JSON.stringify(Buffer.from(bytes).toString('latin1')).slice(1, -1)
  return text.length < 3000 ? text : `${text.slice(0, 200)}… ${text.length} …${text.slice(-200)}`
}

export const settingOf = ({ setup }: Transcript, key: string): string | undefined =>
  setup.find((words) => words[0] === key)?.[1]

function settingsOf(transcript: Transcript): Partial<GatewaySettings> {
  const isReleasePort = transcript.setup.some(([key, value]) => key === 'with' && value === 'release-port')
  return {
    release: (settingOf(transcript, 'release') ?? 'auto') as GatewaySettings['release'],
    advertisedHost: settingOf(transcript, 'advertised') ?? null,
    aliasPort: 5000,
    releasePort: isReleasePort ? 6004 : null,
  }
}

export function prepare(store: MemoryStore, transcript: Transcript): void {
  for (const [key, name = '', ...rest] of transcript.setup) {
    if (key === 'file') store.files.set(`/${name}`, bytesOf(rest.join(' '), ''))
    if (key === 'directory') store.directories.add(`/${name}`)
    if (key === 'fails') store.failure = name as ErrorCode
    if (key === 'stuck') store.isStuck = true
    if (key === 'primary') store.primaryIndex = name === 'none' ? null : Number(name)
  }
}

export function portOf({ ports }: { readonly ports: GatewayPorts }, name: string): number {
  const port = { master: ports.master, files: ports.chunks[0], alias: ports.alias, release: ports.release }[
    name
  ]
  assert(typeof port === 'number', `no port ${name}`)
  return port
}
