/**
 * What the data directories of earlier programs hold: written by REST with the earlier program, asked for with today's. One
 * of each thing that has a form of its own on a disk.
 */
import { expect } from 'vitest'

const MIB = 1024 * 1024

/** Repeats itself, so that it compresses; each chunk of it is another one. */
function longContent(size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  for (let at = 0; at < size; at += 4096) bytes.fill((at / 4096) % 251, at, Math.min(at + 4096, size))
  return bytes
}

const text = (content: string): Uint8Array => new TextEncoder().encode(content)

/** Every file, with its content. */
export const FILES: ReadonlyMap<string, Uint8Array> = new Map([
  ['/empty', text('')],
  ['/hello.txt', text('hello\n')],
  ['/overwritten', text('the second version')],
  ['/deep/er/directories/file', text('in a directory')],
  ['/moved/here', text('it was elsewhere before')],
  ['/ünï/ço/dé \u{1f4be}', text('a name that is not ASCII')],
  ['/block', longContent(64 * 1024)],
  ['/several-chunks', longContent(9 * MIB + 12_345)],
])

const urlOf = (base: string, resource: string, path: string): string =>
  `${base}/v1/${resource}${path.split('/').map(encodeURIComponent).join('/')}`

/** Writes everything through a chunk server of a cluster that is ready. */
export async function writeContent(base: string): Promise<void> {
  const send = async (method: string, url: string, init: RequestInit = {}): Promise<void> => {
    const response = await fetch(url, { method, ...init })
    if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${await response.text()}`)
    await response.arrayBuffer()
  }
  const put = (path: string, content: Uint8Array): Promise<void> =>
    send('PUT', urlOf(base, 'files', path), { body: content as Uint8Array<ArrayBuffer> })
  await put('/overwritten', text('the first version'))
  await put('/deleted', text('not to be seen again'))
  for (const [path, content] of FILES) if (path !== '/moved/here') await put(path, content)
  await put('/elsewhere/before', FILES.get('/moved/here')!)
  await send('PUT', urlOf(base, 'directories', '/moved'))
  await send('POST', `${base}/v1/moves`, {
    body: JSON.stringify({ from: '/elsewhere/before', to: '/moved/here' }),
    headers: { 'content-type': 'application/json' },
  })
  await send('DELETE', urlOf(base, 'files', '/deleted'))
}

/** Throws where anything is missing or different at one of the chunk servers. */
export async function expectContent(base: string): Promise<void> {
  for (const [path, content] of FILES) {
    const response = await fetch(urlOf(base, 'files', path))
    const found = new Uint8Array(await response.arrayBuffer())
    expect(
      [path, response.status, Buffer.compare(found, content)],
      'status, and 0 for the same bytes',
    ).toEqual([path, 200, 0])
  }
  expect((await fetch(urlOf(base, 'files', '/deleted'))).status).toBe(404)
  expect((await fetch(urlOf(base, 'files', '/elsewhere/before'))).status).toBe(404)
}
