/**
 * What real services tell whoever watches: every number that the dashboard and the alerts use, and that the documentation names,
 * is there; none of them names a file. A request is found in the logs of all services, and each process by its name.
 */
import { assert } from '@dfs/core'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { LineClient } from './line/line-client.ts'
import { RealCluster } from './real-cluster.ts'

const documentOf = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../../docs/monitoring/${name}`, import.meta.url)), 'utf8')

/** A family of lines: name, kind, and the labels that were seen. */
interface Family {
  readonly type: string
  readonly labels: Set<string>
}

const REQUEST_ID = 'the-request-of-this-test'
const SECRET = 'nobody-needs-this-name'

let cluster: RealCluster
/** By the names under which people look for them: a histogram has three. */
const known = new Map<string, Family>()
const families = new Map<string, Family>()
let text = ''

/** Adds what one service says. */
function learn(metrics: string): void {
  let family: Family = { type: '', labels: new Set() }
  for (const line of metrics.split('\n').filter(Boolean)) {
    const [, , name = '', type = ''] = line.split(' ')
    if (line.startsWith('# TYPE ')) {
      family = families.get(name) ?? { type, labels: new Set() }
      families.set(name, family)
      const suffixes = type === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
      for (const suffix of suffixes) known.set(`${name}${suffix}`, family)
    }
    if (line.startsWith('#')) continue
    for (const [, label] of line.matchAll(/[{,](\w+)="/g)) family.labels.add(label!)
  }
}

beforeAll(async () => {
  cluster = await RealCluster.start({ hasGateway: true })
  const file = `${cluster.masterUrl}/v1/files/${SECRET}/x.txt`
  const headers = { 'dfs-request-id': REQUEST_ID }
  assert((await fetch(file, { method: 'PUT', body: 'hello', headers })).status === 201, 'a file is written')
  assert((await (await fetch(file)).text()) === 'hello', 'it is read')
  await using client = await LineClient.connect(cluster.lineFilePort)
  assert(
    (await client.ask(`CREATE_FILE:${SECRET}.txt`)) === 'FILE_CREATED',
    'a file is made by the old protocol',
  )
  for (const url of [...cluster.nodeUrls, cluster.gatewayUrl]) {
    const reply = await fetch(`${url}/metrics`)
    assert(
      reply.headers.get('content-type')?.startsWith('text/plain; version=0.0.4') === true,
      `${url} tells metrics`,
    )
    const own = await reply.text()
    learn(own)
    text += own
  }
})
afterAll(() => cluster?.end())

/** Names of metrics, with the labels by which they are chosen. */
const usesIn = (document: string): [name: string, labels: string[]][] =>
  Array.from(document.matchAll(/\b(dfs_[a-z0-9_]+)(\{[^}]*\})?/g), ([, name = '', choice = '']) => [
    name,
    Array.from(choice.matchAll(/(\w+)\s*[=!]~?\s*\\?["']/g), ([, label]) => label!),
  ])

/** Every target has it, whatever it says of itself. */
const OF_THE_TARGET = new Set(['instance', 'job'])

it.each(['dashboard.json', 'alerts.yml', 'alerts.test.yml'])(
  'the services have all that %s asks for',
  (name) => {
    const uses = usesIn(documentOf(name))
    expect(uses.length).toBeGreaterThan(5)
    expect(uses.filter(([metric]) => !known.has(metric))).toEqual([])
    const strange = uses.flatMap(([metric, labels]) =>
      labels
        .filter((label) => !OF_THE_TARGET.has(label) && known.get(metric)?.labels.has(label) !== true)
        .map((label) => `${metric}: ${label}`),
    )
    expect(strange).toEqual([])
  },
)

it('the documentation names every number, and no other', () => {
  const documented = new Set(
    Array.from(documentOf('README.md').matchAll(/^\| `(dfs_[a-z0-9_]+)/gm), ([, name]) => name!),
  )
  expect([...documented].toSorted()).toEqual([...families.keys()].toSorted())
})

it('names follow the conventions, and no line says what a file is called', () => {
  for (const [name, { type }] of families) {
    expect(name).toMatch(/^dfs(_[a-z0-9]+)+$/)
    expect(name.endsWith('_total'), name).toBe(type === 'counter')
    // Base units.
    expect(name).not.toMatch(/_(ms|milliseconds|kib|mib|percent)(_|$)/)
  }
  expect(text).not.toContain(SECRET)
  const lines = text.split('\n').filter((line) => line.includes('{'))
  for (const line of lines) expect(line).not.toMatch(/127\.0\.0\.1|[0-9a-f]{8}-|="[^"]{60}/)
})

it('a request is found in the logs of all that had to do with it, by its id', async () => {
  let lines: { readonly service: string; readonly msg: string }[] = []
  // A service gathers its lines for a moment.
  while (lines.length < 2) {
    const asked = ['logs', cluster.dataDirectory, '--request', REQUEST_ID, '--json']
    const { code, stdout } = await cluster.dfs(asked)
    expect(code).toBe(0)
    lines = stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  }
  expect(lines).toMatchObject([
    { level: 'info', service: expect.stringMatching(/^chunk-server-/) as string, id: REQUEST_ID },
    { level: 'info', service: 'master', msg: 'request', id: REQUEST_ID, method: 'PUT', status: 201 },
  ])
})

it('the logs of all services are one', async () => {
  const merged = await cluster.dfs(['logs', cluster.dataDirectory])
  for (const service of cluster.pids.keys()) expect(merged.stdout).toMatch(new RegExp(`INFO +${service} `))
})

it.skipIf(process.platform !== 'linux')('ps shows each service by its name', () => {
  const titles = [...cluster.pids].map(([name, pid]) => [
    name,
    readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0],
  ])
  expect(titles.map(([, title]) => title)).toEqual([
    'dfs-master',
    'dfs-chunk-server-1',
    'dfs-chunk-server-2',
    'dfs-chunk-server-3',
    'dfs-gateway',
  ])
})
