/** What `dfs recover` says before it asks for consent. */
import { printable } from '@dfs/core'
import { describePosition } from '@dfs/metadata-copy'
import { type Recoverable } from '../local/recoverable.ts'
import { columns, formatBytes, formatCount } from '../text.ts'
import { type Lost } from './find-lost.ts'
import { type HistoryPlan } from './history.ts'
import { type HeldMetadata } from './metadata-copies.ts'
import { type Asked } from './servers.ts'

/** Writes that are shown to people; `--json` shows all. */
const SHOWN_MAX = 100

export interface Findings {
  readonly metadata: Recoverable
  readonly asked: Asked
  readonly plan: HistoryPlan
  readonly lost: Lost
  /** A copy on a chunk server that has more than this metadata; null if there is none. */
  readonly newer: HeldMetadata | null
}

export function viewOf({ metadata, asked, plan, lost, newer }: Findings): unknown {
  const { facts, view } = metadata
  return {
    clusterId: facts.clusterId,
    metadata: { ...facts.epoch, files: facts.files, ...view },
    holders: holdersOf({ metadata, asked }),
    servers: asked.answered.map(({ server, testimony }) => {
      return { name: server.name, seenEpoch: testimony.seenEpoch, masterSilentMs: testimony.masterSilentMs }
    }),
    givenUpServers: plan.givenUp.map(({ name }) => name),
    newerCopy: newer === null ? null : { server: newer.name, position: newer.position },
    missingTransactions: plan.missingTransactions,
    newHistory: { counter: plan.counter, sequence: plan.sequence },
    writes: lost.salvage.toName.map(({ content, path, isInPlace }) => {
      return { path, size: content.size, copies: content.copies, gap: content.gap, isInPlace }
    }),
    writesKnown: lost.knownCount,
    recordsLeftOut: lost.leftOut,
    newVolumes: lost.salvage.volumes.length,
    newServers: lost.salvage.servers.map(({ name }) => name),
    serversNotTakenIn: lost.nameless,
  }
}

export function textOf(findings: Findings): string {
  const { metadata, asked, plan, lost } = findings
  const rows = asked.answered.map(({ server, testimony }) => [
    printable(server.name),
    testimony.seenEpoch === null
      ? 'nothing'
      : `transaction ${testimony.seenEpoch.sequence} of start ${testimony.seenEpoch.counter}`,
    `${Math.floor(testimony.masterSilentMs / 1000)} s ago`,
  ])
  const givenUp = plan.givenUp.map(({ name }) => [printable(name), 'given up', ''])
  return [
    ...metadata.about.map(printable),
    ...holdersText(findings),
    columns([['server', 'has seen', 'heard a master'], ...rows, ...givenUp]),
    missing(plan),
    ...newerText(findings),
    ...strangersText(lost),
    ...writesText(lost),
    'Given up are also renames, deletes, empty files and new directories of those transactions, of which no record is kept, and what idempotency keys were answered in them.',
  ].join('\n')
}

interface Holders {
  readonly names: readonly string[]
  readonly reached: readonly string[]
  /** Whether they know of everything that was promised by copies. */
  readonly areMost: boolean
}

/** The servers that were to hold a copy of this metadata; null if it does not say. */
function holdersOf({ metadata, asked }: Pick<Findings, 'metadata' | 'asked'>): Holders | null {
  const { holders, servers } = metadata.facts
  const sets = holders === null ? [] : [holders.counting, holders.next]
  const all = [...new Set(sets.flat())]
  if (all.length === 0) return null
  const there = new Set(asked.answered.map(({ server }) => server.id))
  const nameOf = (id: number): string => servers.find((server) => server.id === id)?.name ?? `server ${id}`
  const reached = (set: readonly number[]): number[] => set.filter((id) => there.has(id))
  const areMost = sets.every((set) => set.length === 0 || 2 * reached(set).length > set.length)
  return { names: all.map(nameOf), reached: reached(all).map(nameOf), areMost }
}

function holdersText(findings: Findings): string[] {
  const holders = holdersOf(findings)
  if (holders === null) return []
  const { names: all, reached, areMost } = holders
  const said = `Copies of this metadata were to be on ${names(all)}; ${reached.length} of ${formatCount(all.length, 'server')} answered.`
  if (areMost) return [said]
  return [
    said,
    'Most of them did not: a newer copy may be there, and an old master that reaches them could still go on. See to it that it is off.',
  ]
}

const newerText = ({ newer }: Findings): string[] =>
  newer === null
    ? []
    : [
        `${printable(newer.name)} has a newer copy of the metadata, of ${describePosition(newer.position)}: with --server, into an empty directory, a history begins from that one.`,
      ]

const missing = ({ missingTransactions, newestSeen }: HistoryPlan): string =>
  newestSeen === null
    ? 'No server has seen more than that.'
    : missingTransactions === 0
      ? 'Servers have seen another start of the master, with transactions that are not in here.'
      : `At least ${formatCount(missingTransactions, 'transaction')} that servers have seen ${missingTransactions === 1 ? 'is' : 'are'} missing.`

function strangersText({ salvage, nameless, leftOut }: Lost): string[] {
  const { volumes, servers } = salvage
  return [
    ...(volumes.length === 0
      ? []
      : [
          `${formatCount(volumes.length, 'volume')} that the metadata does not know ${volumes.length === 1 ? 'is' : 'are'} taken in.`,
        ]),
    ...(servers.length === 0
      ? []
      : [`Servers that the metadata does not know are taken in: ${names(servers.map(({ name }) => name))}.`]),
    ...(nameless.length === 0
      ? []
      : [`What only these have is not taken in, since they do not say who they are: ${names(nameless)}.`]),
    ...(leftOut === 0
      ? []
      : [`${formatCount(leftOut, 'record')} more are left where they are: there are too many.`]),
  ]
}

const names = (of: readonly string[]): string => of.map(printable).join(', ')

function writesText({ salvage, knownCount }: Lost): string[] {
  const { toName } = salvage
  const known =
    knownCount === 0
      ? []
      : [
          `Of ${formatCount(knownCount, 'other write')} the content is known by another place: nothing is lost.`,
        ]
  if (toName.length === 0)
    return ['No write was found in the volumes that the metadata does not know.', ...known]
  const shown = toName
    .slice(0, SHOWN_MAX)
    .map(({ path, content, isInPlace }) => [
      `  ${printable(path)}`,
      formatBytes(content.size),
      formatCount(content.copies, 'copy', 'copies'),
      content.gap ?? (isInPlace ? 'back to its place if nothing stands there' : ''),
    ])
  const more = toName.length > SHOWN_MAX ? [`  and ${toName.length - SHOWN_MAX} more; --json shows all`] : []
  return [
    `${formatCount(toName.length, 'write')} in the volumes that the metadata does not know (acknowledged, or refused, or never answered) ${toName.length === 1 ? 'becomes a file' : 'become files'} below /lost+found:`,
    columns(shown),
    ...more,
    ...known,
  ]
}
