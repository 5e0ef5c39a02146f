/** `docker compose up`, as most people meet the system: what it offers on loopback, how it is locked in, and that data stays. */
import { createHash } from 'node:crypto'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { request } from 'undici'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { ComposeCluster, SERVICES } from './compose-cluster.ts'
import { docker, ROOT } from './docker.ts'
import { lineSession } from './line-session.ts'

const LARGE_FILE_BYTES = 96 * 1024 * 1024

describe.skipIf(inject('whyNoContainers') !== null)('docker compose up', () => {
  let cluster: ComposeCluster

  beforeAll(async () => {
    cluster = await ComposeCluster.start()
  })
  afterAll(() => cluster?.end())

  /** As `curl -L`: a redirect, which no body ever gets, is followed by hand. */
  async function rest(method: 'PUT' | 'GET' | 'POST' | 'DELETE', path: string, body: string | null = null) {
    const first = await request(`${cluster.masterUrl}${path}`, { method, body })
    if (first.statusCode !== 307)
      return { status: first.statusCode, text: await first.body.text(), from: null }
    await first.body.dump()
    const location = String(first.headers['location'])
    const second = await request(location, { method })
    return { status: second.statusCode, text: await second.body.text(), from: new URL(location).origin }
  }

  it('serves create, write, read and delete by REST, at addresses that the host reaches', async () => {
    expect((await rest('POST', '/v1/files/docs/created')).status).toBe(201)
    expect(await rest('PUT', '/v1/files/docs/hello.txt', 'hello')).toMatchObject({ status: 201, from: null })
    const read = await rest('GET', '/v1/files/docs/hello.txt')
    expect(read).toMatchObject({ status: 200, text: 'hello' })
    const published = [7071, 7072, 7073].map((port) => `http://127.0.0.1:${cluster.port(port as 7071)}`)
    expect(published).toContain(read.from)
    expect((await rest('DELETE', '/v1/files/docs/hello.txt')).status).toBe(204)
    expect((await rest('GET', '/v1/files/docs/hello.txt')).status).toBe(404)
  })

  it('tells callers inside and outside their own addresses of the chunk servers', async () => {
    const outside = (await cluster.servers()).map(({ url }) => new URL(url).hostname)
    expect(new Set(outside)).toEqual(new Set(['127.0.0.1']))
    const url = `http://master:${cluster.port(7070)}/v1/servers`
    const ask = `fetch('${url}').then((reply) => reply.text()).then(console.log)`
    const answer = JSON.parse(await cluster.compose('exec', '-T', 'gateway', 'node', '-e', ask))
    const inside = answer.servers.map((server: { url: string }) => server.url).toSorted()
    expect(inside).toEqual(
      ([7071, 7072, 7073] as const).map(
        (port, index) => `http://chunk-server-${index + 1}:${cluster.port(port)}`,
      ),
    )
  })

  it('takes a tree from the command line tool on the host and gives it back to the one in a container', async () => {
    const dfs = (...args: string[]) =>
      promisify(execFile)(process.execPath, [join(ROOT, 'packages/cli/bin/dfs.cjs'), ...args], {
        env: { ...process.env, DFS_URL: cluster.masterUrl },
      })
    const directory = await mkdtemp(join(tmpdir(), 'dfs-container-'))
    try {
      await dfs('put', '-r', join(ROOT, 'packages/core/src'), '/tree')
      await dfs('get', '-r', '/tree', join(directory, 'copy'))
      const [original, copy] = await Promise.all(
        [join(ROOT, 'packages/core/src'), join(directory, 'copy')].map((at) =>
          readFile(join(at, 'index.ts'), 'utf8'),
        ),
      )
      expect(copy).toBe(original)
      expect(await cluster.compose('exec', '-T', 'chunk-server-2', 'dfs', 'ls', '/tree')).toContain(
        'index.ts',
      )
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })

  it('speaks the line protocol, and names ports that are published', async () => {
    const [primary] = await lineSession(cluster.port(5011), ['FIND_PRIMARY_SERVER'])
    expect(primary).toMatch(/^PRIMARY_SERVER_INFO:127\.0\.0\.1,\d+$/)
    const port = Number(primary?.split(',')[1])
    expect(([6001, 6002, 6003] as const).map((each) => cluster.port(each))).toContain(port)
    expect(
      await lineSession(port, [
        'CREATE_FILE:line.txt',
        'WRITE_FILE:line.txt:by the line',
        'READ_FILE:line.txt',
        'DELETE_FILE:line.txt',
        'READ_FILE:line.txt',
      ]),
    ).toEqual(['FILE_CREATED', 'FILE_WRITTEN', 'FILE_CONTENT:by the line', 'FILE_DELETED', 'FILE_NOT_FOUND'])
  })

  it('keeps a large file through a restart of everything', async () => {
    const client = cluster.client()
    const written = createHash('sha256')
    async function* source(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < LARGE_FILE_BYTES; at += 1024 * 1024) {
        const piece = createHash('sha512').update(String(at)).digest()
        const block = Buffer.concat(Array.from({ length: (1024 * 1024) / piece.length }, () => piece))
        written.update(block)
        yield block
      }
    }
    const { durability } = await client.put('/large', source(), { size: LARGE_FILE_BYTES })
    expect(durability?.copies).toBe(3)

    await cluster.down()
    expect(await docker(['ps', '--all', '--quiet', '--filter', `name=${cluster.project}`])).toBe('')
    await cluster.up()
    const read = createHash('sha256')
    for await (const piece of (await client.get('/large')).body) read.update(piece)
    expect(read.digest('hex')).toBe(written.digest('hex'))
    expect(await rest('GET', '/v1/files/tree/index.ts')).toMatchObject({ status: 200 })
  })

  it('grows by a fourth chunk server', async () => {
    await cluster.compose('up', '--detach', '--wait', '--scale', 'chunk-server-4=1')
    await cluster.serversAre('alive', 4)
    expect((await cluster.servers()).map(({ name }) => name)).toContain('chunk-server-4')
  })

  it.each(SERVICES)('locks %s in', async (service) => {
    const facts = JSON.parse(
      await cluster.inspect(
        service,
        '{"root":{{.HostConfig.ReadonlyRootfs}},"user":{{json .Config.User}},"drop":{{json .HostConfig.CapDrop}},"security":{{json .HostConfig.SecurityOpt}},"memory":{{.HostConfig.Memory}},"processes":{{.HostConfig.PidsLimit}},"ports":{{json .NetworkSettings.Ports}}}',
      ),
    )
    expect(facts).toMatchObject({
      root: true,
      user: '1000:1000',
      drop: ['ALL'],
      security: ['no-new-privileges:true'],
    })
    expect(facts.memory).toBeGreaterThan(0)
    expect(facts.processes).toBeGreaterThan(0)
    const published = Object.entries<{ HostIp: string; HostPort: string }[] | null>(facts.ports)
    expect(published.length).toBeGreaterThan(0)
    for (const [port, bindings] of published) {
      expect(bindings).toEqual([{ HostIp: '127.0.0.1', HostPort: port.split('/')[0] }])
      expect(port).not.toBe('7170/tcp')
    }
  })

  it('gives the key to the nodes for reading, and to nobody else', async () => {
    const write = cluster.compose('exec', '-T', 'master', 'sh', '-c', 'echo x >> /keys/cluster.key')
    await expect(write).rejects.toThrow(/[Rr]ead-only/)
    expect(
      await cluster.compose('exec', '-T', 'chunk-server-1', 'stat', '-c', '%a %u', '/keys/cluster.key'),
    ).toBe('600 1000\n')
    expect(await cluster.inspect('gateway', '{{len .Mounts}}')).toBe('0')
  })
})
