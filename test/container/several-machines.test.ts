/**
 * The section "Several machines" of docs/deploying.md, its compose files taken as they stand there. A machine is a network
 * of the engine's: its gateway is an address of this host on which ports can be published, as on a machine's own. Only
 * what every reader puts in by hand is put in: the addresses, the key, and the name of the image.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { docker, ROOT } from './docker.ts'
import { lineSession } from './line-session.ts'
import { until } from './until.ts'

const CHUNK_SERVERS = 3
const IMAGE = process.env['DFS_IMAGE'] ?? 'dfs:dev'
const NODE_USER = 1000

interface Machine {
  readonly project: string
  readonly address: string
  readonly directory: string
}

/** The compose files of the section, by the service that each is for. */
async function filesInTheDocs(): Promise<{ master: string; chunkServer: string }> {
  const page = await readFile(join(ROOT, 'docs/deploying.md'), 'utf8')
  const section = page.slice(page.indexOf('## Several machines'))
  const [master, chunkServer, ...rest] = [...section.matchAll(/```yaml\n(.*?)```/gs)].map(([, text]) => text!)
  expect(rest).toEqual([])
  expect(master).toMatch(/^# master\/docker-compose.yml/)
  expect(chunkServer).toMatch(/^# chunk-server\/docker-compose.yml/)
  return { master: master!, chunkServer: chunkServer! }
}

describe.skipIf(inject('whyNoContainers') !== null)('docs/deploying.md, on several machines', () => {
  const run = `dfs-test-${randomBytes(4).toString('hex')}`
  const machines: Machine[] = []
  const compose = ({ project, directory }: Machine, ...args: readonly string[]): Promise<string> =>
    docker(['compose', '--project-name', project, '--project-directory', directory, ...args])
  const dfs = (service: 'master' | 'chunk-server', ...args: readonly string[]): Promise<string> =>
    compose(machines[service === 'master' ? 0 : 1]!, 'exec', '-T', service, 'dfs', ...args)
  let root = ''

  async function makeMachine(number: number): Promise<Machine> {
    const project = `${run}-machine-${number}`
    await docker(['network', 'create', `${project}-address`])
    const gateway = ['network', 'inspect', '--format', '{{(index .IPAM.Config 0).Gateway}}']
    const address = (await docker([...gateway, `${project}-address`])).trim()
    const directory = join(root, project)
    await mkdir(directory)
    return { project, address, directory }
  }

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'dfs-machines-'))
    for (let number = 1; number <= 1 + CHUNK_SERVERS; number += 1) machines.push(await makeMachine(number))
    const [master, ...others] = machines
    const files = await filesInTheDocs()
    const key = `${randomBytes(32).toString('hex')}\n`
    for (const [index, machine] of machines.entries()) {
      const text = (index === 0 ? files.master : files.chunkServer)
        .replaceAll('10.0.0.1', master!.address)
        .replaceAll('10.0.0.2', machine.address)
        .replace('DFS_NAME: chunk-server-1', `DFS_NAME: chunk-server-${index}`)
        .replace('DFS_ZONE: rack-1', `DFS_ZONE: rack-${index}`)
        .replace('image: dfs:dev', `image: ${IMAGE}`)
      await writeFile(join(machine.directory, 'docker-compose.yml'), text)
      await writeFile(join(machine.directory, 'cluster.key'), key, { mode: 0o600 })
      await docker([
        'run',
        '--rm',
        '--user',
        '0',
        '-v',
        `${machine.directory}:/at`,
        IMAGE,
        'chown',
        String(NODE_USER),
        '/at/cluster.key',
      ])
    }
    await Promise.all([master!, ...others].map((machine) => compose(machine, 'up', '--detach')))
  })

  afterAll(async () => {
    for (const machine of machines) {
      await compose(machine, 'down', '--volumes', '--timeout', '1').catch(() => '')
      await docker(['network', 'rm', `${machine.project}-address`])
    }
    await rm(root, { recursive: true, force: true })
  })

  it('becomes one cluster, which the tool in the image finds on the master and on a chunk server', async () => {
    await until('the servers are alive', async () => {
      const status = await dfs('master', 'status', '--json')
      const { servers } = JSON.parse(status) as { servers: { liveness: string }[] }
      return servers.filter(({ liveness }) => liveness === 'alive').length === CHUNK_SERVERS
    })
    const status = await dfs('chunk-server', 'status')
    for (const { address } of machines.slice(1)) expect(status).toContain(address)
    expect(status).not.toContain('127.0.0.1')
  })

  it('stores a file by the tool in the image and gives it back on another machine', async () => {
    await dfs('master', 'put', '-q', '/app/package.json', '/package.json')
    expect(await dfs('chunk-server', 'get', '/package.json', '-')).toBe(
      await readFile(join(ROOT, 'package.json'), 'utf8'),
    )
  })

  it('answers the line protocol on the address of its machine', async () => {
    const { address } = machines[0]!
    expect((await lineSession(5011, ['FIND_PRIMARY_SERVER'], address))[0]).toContain(`${address},600`)
    expect(await lineSession(6001, ['READ_FILE:package.json'], address)).toHaveLength(1)
  })
})
