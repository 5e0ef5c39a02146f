/** Files of the fake cluster as they travel: written and read whole or in part, under the conditions of HTTP. */
import { type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http'
import { DfsError, filesUrl, formatEtag, formatId, HEADERS, parseFilePath, parseId } from '@dfs/protocol'
import { bodyBytes, type FakeNodes, type FakeReply, type FakeRequest, json } from './exchange.ts'
import { type FakeEntry, type FakeFile, fileView } from './tree.ts'

const TAG = /"([^"]*)"/g

export async function put({ tree }: FakeNodes, fake: FakeRequest, path: string): Promise<FakeReply> {
  checkPreconditions(tree.at(path), fake.headers)
  const limit = fake.mishap?.kind === 'cut-body' ? fake.mishap.afterBytes : Infinity
  const bytes = await bodyBytes(fake.request, limit)
  const { file, created } = tree.write(path, contentOf(fake, bytes))
  return written(created ? 201 : 200, path, file)
}

export function create({ tree }: FakeNodes, fake: FakeRequest, path: string): FakeReply {
  if (tree.at(path) !== undefined) throw new DfsError('FILE_EXISTS', path)
  const { file } = tree.write(path, contentOf(fake, new Uint8Array()))
  const reply = written(201, path, file)
  return { ...reply, headers: { ...reply.headers, location: filesUrl(parseFilePath(path)) } }
}

export function get(nodes: FakeNodes, fake: FakeRequest, path: string, version: string | null): FakeReply {
  const id = version === null ? null : parseId(version)
  if (version !== null && id === null) throw new DfsError('INVALID_REQUEST', 'version is no entity tag')
  const file = nodes.tree.file(path, id)
  const headers = headersOf(path, file)
  if (isNotModified(file, fake.headers)) return { status: 304, headers, body: new Uint8Array() }
  return fake.isMaster ? redirect(nodes, fake.target) : sent(fake.headers.range, path, { file, headers })
}

export function checkPreconditions(entry: FakeEntry | undefined, headers: IncomingHttpHeaders): void {
  const { 'if-match': match, 'if-none-match': noneMatch } = headers
  if ((match !== undefined && !names(match, entry)) || (noneMatch !== undefined && names(noneMatch, entry))) {
    throw new DfsError('PRECONDITION_FAILED', 'the entity tag is another one')
  }
}

function isNotModified(
  file: FakeFile,
  { 'if-match': match, 'if-none-match': noneMatch }: IncomingHttpHeaders,
) {
  checkPreconditions(file, match === undefined ? {} : { 'if-match': match })
  return noneMatch !== undefined && names(noneMatch, file)
}

function names(field: string, entry: FakeEntry | undefined): boolean {
  if (entry?.kind !== 'file') return false
  const tags = [...field.matchAll(TAG)].map(([, tag]) => tag)
  return field === '*' || tags.includes(formatId(entry.version))
}

const headersOf = (path: string, file: FakeFile): OutgoingHttpHeaders => ({
  etag: formatEtag(file.version),
  'content-type': file.contentType,
  'accept-ranges': 'bytes',
  [HEADERS.executable]: file.executable ? '?1' : '?0',
  [HEADERS.durability]: receiptOf(path, file),
})

function receiptOf(path: string, file: FakeFile): string {
  const { crc32, copies } = fileView(path, file)
  const crc = Buffer.from(crc32, 'hex').toString('base64')
  return `copies=${copies}, fsynced=${copies}, zones=${Math.min(1, copies)}, crc32=:${crc}:`
}

interface Sending {
  readonly file: FakeFile
  readonly headers: OutgoingHttpHeaders
}

function sent(field: string | undefined, path: string, { file, headers }: Sending): FakeReply {
  const { bytes } = file
  const size = bytes.byteLength
  const range = rangeOf(field, size)
  if (range === null) return { status: 200, headers: { ...headers, 'content-length': size }, body: bytes }
  const { start, end } = range
  if (start >= end) {
    const problem = new DfsError('RANGE_NOT_SATISFIABLE', path)
    return { status: 416, headers: { 'content-range': `bytes */${size}` }, body: problem }
  }
  return {
    status: 206,
    headers: {
      ...headers,
      'content-range': `bytes ${start}-${end - 1}/${size}`,
      'content-length': end - start,
    },
    body: bytes.subarray(start, end),
  }
}

/** Null for the whole file; empty if there is nothing to send. */
function rangeOf(field: string | undefined, size: number): { start: number; end: number } | null {
  const [, first = '', last = ''] = /^bytes=([0-9]*)-([0-9]*)$/.exec(field ?? '') ?? []
  if (first === '') return last === '' ? null : { start: Math.max(0, size - Number(last)), end: size }
  if (last !== '' && Number(last) < Number(first)) return null
  return { start: Number(first), end: last === '' ? size : Math.min(size, Number(last) + 1) }
}

function contentOf(fake: FakeRequest, bytes: Uint8Array): Omit<FakeFile, 'kind' | 'version'> {
  const contentType = fake.headers['content-type'] ?? 'application/octet-stream'
  return { bytes, contentType, executable: fake.headers[HEADERS.executable] === '?1' }
}

function written(status: 200 | 201, path: string, file: FakeFile): FakeReply {
  const reply = json(status, fileView(path, file))
  const { version } = file
  const about = { etag: formatEtag(version), [HEADERS.operation]: formatId(version) }
  return { ...reply, headers: { ...reply.headers, ...about, [HEADERS.durability]: receiptOf(path, file) } }
}

function redirect(nodes: FakeNodes, target: string): FakeReply {
  const location = nodes.urlOf(1) + target
  return { ...json(307, { location, hint: 'A chunk server has the bytes.' }), headers: { location } }
}
