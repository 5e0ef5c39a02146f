/**
 * What docs/operating.md tells an operator to type when the metadata is gone, typed as it stands: the commands of each section in
 * order, with the answers that it shows. Numbers, times and ids are others each time; everything else is as it is written there.
 */
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { runProgram } from '@dfs/cli'
import { NodeRandom } from '@dfs/node-runtime'
import { type ClusterStatusView } from '@dfs/protocol'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SERVICE_PROGRAMS } from '../../scripts/cluster/programs.ts'
import { clock, MixedCluster } from '../upgrade/mixed-cluster.ts'

const WITHIN_MS = 5 * 60_000
const PATIENCE_MS = 120_000
const PAGE = readFileSync(join(import.meta.dirname, '../../docs/operating.md'), 'utf8')
/** As the page names it: on one machine, with the usual ports. */
const USUAL_SERVER = '127.0.0.1:7171'

/** A command, and what the page says that it answers. */
interface Step {
  readonly command: string
  readonly shown: readonly string[]
}

/** The commands of a section, each with the block of output that follows it. */
function stepsOf(section: string): Step[] {
  const [, rest = ''] = PAGE.split(`\n## ${section}\n`)
  const [text = ''] = rest.split('\n## ')
  const blocks = [...text.matchAll(/^```(sh)?\n([\s\S]*?)^```$/gm)]
  return blocks.flatMap(([, kind, lines], index) => {
    if (kind !== 'sh') return []
    const answer = blocks[index + 1]
    const shown = answer?.[1] === undefined ? (answer?.[2] ?? '').trimEnd().split('\n') : []
    return [{ command: lines!.trim(), shown }]
  })
}

const CHANGING = /[0-9a-f]{32}|[0-9a-f]{16}|\d{4}-\d\d-\d\dT[\d:]+Z|\d+(?:[.,]\d+)*(?: [KMG]?i?B)?| +/g

/** Whether the master has made a transaction in its last moment is chance. */
const SEEN = /^(?:No server has seen more than that|At least [\d,]+ transactions? .* missing)\.$/

/** What a line of the page matches. */
function patternOf(line: string): RegExp {
  if (SEEN.test(line)) return SEEN
  let pattern = ''
  let at = 0
  for (const found of line.matchAll(CHANGING)) {
    pattern += RegExp.escape(line.slice(at, found.index))
    at = found.index + found[0].length
    if (/^ +$/.test(found[0])) pattern += ' +'
    else if (/^[0-9a-f]{16,}$/.test(found[0])) pattern += `[0-9a-f]{${found[0].length}}`
    else if (found[0].includes('T')) pattern += '\\S+Z'
    else pattern += found[0].endsWith('B') ? '[\\d.,]+ [KMG]?i?B' : '[\\d.,]+'
  }
  return new RegExp(`^${pattern}${RegExp.escape(line.slice(at))}$`)
}

/** The lines of the page come in this order, and between them nothing but what it leaves out by dots. */
function expectShown(shown: readonly string[], said: string): void {
  const lines = said.split('\n').map((line) => line.trimEnd())
  let at = 0
  for (const line of shown.filter((each) => each.trim() !== '…')) {
    const pattern = patternOf(line.trimEnd())
    const found = lines.findIndex((each, index) => index >= at && pattern.test(each))
    expect(found, `${line}\nis not in\n${said}`).toBeGreaterThanOrEqual(at)
    at = found + 1
  }
}

describe('docs/operating.md', { timeout: WITHIN_MS }, () => {
  const { gateway: _unused, ...programs } = SERVICE_PROGRAMS
  let cluster: MixedCluster

  const write = async (path: string, body: string): Promise<void> => {
    const response = await fetch(`${cluster.serverUrls[0]!}/v1/files${path}`, { method: 'PUT', body })
    expect(response.ok, await response.text()).toBe(true)
  }
  const read = async (path: string): Promise<string> =>
    await (await fetch(`${cluster.serverUrls[1]!}/v1/files${path}`)).text()

  /** What a command says, on a terminal at which somebody types `begin` where that is asked. */
  async function type(command: string): Promise<string> {
    const words = command
      .replace(USUAL_SERVER, cluster.internalAddress('chunk-server-1'))
      .replaceAll('./', `${cluster.directory}/`)
      .split(' ')
    expect(words.shift()).toBe('dfs')
    const stdin = Object.assign(Readable.from(['begin\n']), { isTTY: true })
    const terminal = new PassThrough()
    const ended = runProgram({
      argv: words,
      defaultUrl: cluster.masterUrl,
      clusterKeyFile: join(cluster.dataDirectory, 'cluster.key'),
      version: '0',
      clock,
      random: new NodeRandom(),
      signal: new AbortController().signal,
      stdin,
      stdout: terminal,
      stderr: terminal,
    })
    void ended.finally(() => terminal.end())
    const pieces: Buffer[] = await Array.fromAsync(terminal as AsyncIterable<Buffer>)
    await ended
    // What is typed is on the screen as well, with the end of its line.
    const said = Buffer.concat(pieces)
      .toString()
      .replace(/^Type "begin" .*?: /m, '$&begin\n')
    return said.replaceAll(`${cluster.directory}/`, './')
  }

  /** Types the next command of the page until what it waits for is there: the silence of a master, names for what was found. */
  async function follow(step: Step | undefined, isEarly: RegExp): Promise<void> {
    expect(step, 'the page has one more command').toBeDefined()
    const endMs = clock.monotonicMs() + PATIENCE_MS
    let said = await type(step!.command)
    while (isEarly.test(said) && clock.monotonicMs() < endMs) {
      await clock.sleep(500)
      said = await type(step!.command)
    }
    expectShown(step!.shown, said)
  }

  /** Every copy of the metadata has all of it. */
  const untilShipped = async (): Promise<void> => {
    const isShipped = async (): Promise<boolean> => {
      const status = (await (await fetch(`${cluster.masterUrl}/v1/cluster`)).json()) as ClusterStatusView
      const holders = status.metadataCopies?.holders ?? []
      return holders.length === 3 && holders.every(({ isWhole, ageMs }) => isWhole && ageMs === 0)
    }
    // What has just been changed is not on its way yet: it is within a second.
    await clock.sleep(1000)
    await expect.poll(isShipped, { timeout: PATIENCE_MS, interval: 500 }).toBe(true)
  }

  const NOT_YET = /a master answered|no name yet|verifying/

  beforeAll(async () => {
    cluster = await MixedCluster.start(programs)
  }, WITHIN_MS)
  afterAll(() => cluster?.end(), WITHIN_MS)

  it("walks through: the master's disk died", async () => {
    await write('/docs/hello.txt', 'hello')
    await untilShipped()
    const steps = stepsOf("The master's disk died")
    await cluster.killOne('master')
    rmSync(join(cluster.dataDirectory, 'master'), { recursive: true })
    await follow(steps[0], NOT_YET)
    cluster.launch('master', programs)
    await cluster.untilReady()
    for (const step of steps.slice(1)) await follow(step, NOT_YET)
    expect(await read('/docs/hello.txt')).toBe('hello')
  })

  it('walks through: restore a backup on purpose', async () => {
    const steps = stepsOf('Restore a backup on purpose')
    await untilShipped()
    await type('dfs backup ./yesterday.db')
    await fetch(`${cluster.masterUrl}/v1/files/docs/hello.txt`, { method: 'DELETE' })
    await write('/docs/new.txt', 'since then')
    await untilShipped()
    await cluster.killOne('master')
    renameSync(join(cluster.dataDirectory, 'master'), join(cluster.dataDirectory, 'master.before'))
    await follow(steps[0], NOT_YET)
    cluster.launch('master', programs)
    await cluster.untilReady()
    for (const step of steps.slice(1)) await follow(step, NOT_YET)
    expect(await read('/docs/hello.txt')).toBe('hello')
    expect(await read('/lost+found/docs/new.txt')).toBe('since then')
  })

  it('walks through: move the master to another machine', async () => {
    const steps = stepsOf('Move the master to another machine')
    await cluster.killOne('master')
    const elsewhere = join(cluster.directory, 'elsewhere', 'master')
    mkdirSync(elsewhere, { recursive: true })
    cpSync(join(cluster.dataDirectory, 'master'), elsewhere, { recursive: true })
    cluster.moveMaster(elsewhere, programs)
    cluster.launch('master', programs)
    for (const name of cluster.names.filter((each) => each !== 'master')) {
      await cluster.killOne(name)
      cluster.launch(name, programs)
    }
    await cluster.untilReady()
    for (const step of steps) await follow(step, /^(?:degraded|unknown|unavailable)/)
    expect(await read('/docs/hello.txt')).toBe('hello')
  })
})
