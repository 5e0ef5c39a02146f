/**
 * The launcher with real processes and stub services: it keeps them alive, complains understandably, and leaves nothing
 * behind, however it ends.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Launched, type LaunchOptions, removeDirectory, until, withDirectory } from './launcher/launched.ts'
import { reservePorts } from './reserved-ports.ts'

const SERVICES = ['master', 'chunk-server-1', 'chunk-server-2', 'chunk-server-3', 'gateway']

let directory: string
let launched: Launched[]

beforeEach(() => {
  directory = withDirectory()
  launched = []
})
afterEach(async () => {
  for (const each of launched) await each.end()
  await until(() => launched.every((each) => each.survivors().length === 0))
  removeDirectory(directory)
})

async function launch(options?: LaunchOptions): Promise<Launched> {
  const each = await Launched.start(directory, options)
  launched.push(each)
  return each
}

const request = async (each: Launched, port: number, path: string): Promise<unknown> =>
  (await fetch(`http://127.0.0.1:${port + each.portOffset}${path}`)).json()

const wereStoppedInOrder = (): string[] =>
  SERVICES.filter((name) => existsSync(join(directory, name, 'stopped-in-order')))

describe('a launcher that runs', () => {
  it('shows the board and `ready` when all services are, and stops them in order on SIGINT', async () => {
    const each = await launch()
    await each.saw('ready')
    expect(each.lines.at(-1)).toBe('ready')
    for (const name of SERVICES) expect(each.lines.join('\n')).toContain(`  ${name} `)

    each.process.kill('SIGINT')
    expect(await each.exitCode()).toBe(0)
    expect(each.survivors()).toEqual([])
    expect(wereStoppedInOrder()).toEqual(SERVICES)
  })

  it.skipIf(process.platform !== 'linux')('is known to ps by its name and its arguments', async () => {
    const each = await launch()
    await each.saw('ready')
    const [title] = readFileSync(`/proc/${each.process.pid}/cmdline`, 'utf8').split('\0')
    expect(title).toBe(`dfs-launcher --data ${directory} --port-offset ${each.portOffset}`)
    expect(readFileSync(`/proc/${each.process.pid}/comm`, 'utf8')).toMatch(/^dfs-launcher/)
  })

  it('says what the master lacks although it is ready', async () => {
    mkdirSync(join(directory, 'master'))
    writeFileSync(join(directory, 'master/lacks-copies'), '')
    const each = await launch()
    await each.saw('ready')
    expect(each.lines.slice(-2)).toEqual(['warning: writes get 2 of 3 copies', 'ready'])
  })

  it('starts a service again that died, and says so', async () => {
    const each = await launch()
    await each.saw('ready')
    const before = await request(each, 7072, '/')
    await request(each, 7072, '/die').catch(() => 'the connection breaks when it dies')
    await each.saw('chunk-server-2 died (code 3); it starts again in')
    await until(
      () => readFileSync(join(directory, 'logs/chunk-server-2.log'), 'utf8').split('starts').length === 3,
    )
    let after: unknown = null
    while (after === null) after = await request(each, 7072, '/').catch(() => null)
    expect(after).not.toEqual(before)
  })

  it('shows warnings of the services and keeps the rest in their logs', async () => {
    const each = await launch()
    await each.saw('ready')
    await request(each, 7070, '/warn')
    await each.saw('master warn: a warning for the terminal')
    expect(each.lines.join('\n')).not.toContain('master starts')
    expect(readFileSync(join(directory, 'logs/master.log'), 'utf8')).toContain('master starts')
  })

  it('starts as many chunk servers as the directory has', async () => {
    const first = await launch({ arguments: ['--chunk-servers', '4'] })
    await first.saw('ready')
    await first.end()
    const second = await launch()
    await second.saw('ready')
    expect(second.lines.join('\n')).toContain('chunk-server-4')
  })
})

describe('nothing is left', () => {
  it('after SIGKILL of the launcher: the services shut down by themselves', async () => {
    const each = await launch()
    await each.saw('ready')
    expect(each.survivors()).toHaveLength(SERVICES.length + 1)
    each.process.kill('SIGKILL')
    await until(() => each.survivors().length === 0)
    expect(wereStoppedInOrder()).toEqual(SERVICES)
  })

  it('after SIGTERM to the shell that npm starts it with', async () => {
    const each = await launch({ throughShell: true })
    await each.saw('ready')
    expect(each.survivors()).toHaveLength(SERVICES.length + 2)
    each.process.kill('SIGTERM')
    await until(() => each.survivors().length === 0)
    expect(wereStoppedInOrder()).toEqual(SERVICES)
  })

  it('after a signal while it is still waiting for a service', async () => {
    mkdirSync(join(directory, 'gateway'))
    writeFileSync(join(directory, 'gateway/never-ready'), '')
    const each = await launch()
    await until(() => each.survivors().length === SERVICES.length + 1)
    each.process.kill('SIGTERM')
    expect(await each.exitCode()).toBe(0)
    expect(each.survivors()).toEqual([])
    expect(each.lines).not.toContain('ready')
  })

  it('and the next start works at once after a SIGKILL', async () => {
    const first = await launch()
    await first.saw('ready')
    first.process.kill('SIGKILL')
    const second = await launch({ portOffset: first.portOffset })
    await second.saw('ready')
    expect(second.survivors()).toHaveLength(SERVICES.length + 1)
  })
})

describe('a launcher that cannot run', () => {
  it('gives up on a service that dies again and again, with its last words', async () => {
    mkdirSync(join(directory, 'master'))
    writeFileSync(join(directory, 'master/die-at-start'), '')
    const each = await launch()
    expect(await each.exitCode()).toBe(1)
    expect(each.lines.join('\n')).toContain('Error: the disk of this stub is on fire')
    expect(each.lines.at(-1)).toBe('master cannot run: see its last words above')
    expect(each.survivors()).toEqual([])
  })

  it('names a taken port and the way around it before it starts anything', async () => {
    const { offset: portOffset, reservation } = await reservePorts()
    const server = createServer().listen(7073 + portOffset, '127.0.0.1')
    await once(server, 'listening')
    const each = await launch({ portOffset })
    expect(await each.exitCode()).toBe(1)
    expect(each.lines).toEqual([
      `port ${7073 + portOffset} (chunk-server-3) is taken by another program: end it, ` +
        `or move all ports with npm start -- --port-offset ${portOffset + 1000}`,
    ])
    expect(existsSync(join(directory, 'master'))).toBe(false)
    server.close()
    reservation.close()
  })

  it('refuses a directory that another launcher uses, and leaves that one alone', async () => {
    const first = await launch()
    await first.saw('ready')
    const second = await launch()
    expect(await second.exitCode()).toBe(1)
    expect(second.lines).toEqual([
      `${directory} is in use by the launcher with process id ${first.process.pid}: stop that one, or name another directory with --data`,
    ])
    expect(await request(first, 7070, '/')).toHaveProperty('pid')
  })

  it('refuses unknown options in one line', async () => {
    const each = await launch({ arguments: ['--replicas', '2'] })
    expect(await each.exitCode()).toBe(2)
    expect(each.lines).toEqual(["Unknown option '--replicas' (npm start -- --help lists the options)"])
  })
})
