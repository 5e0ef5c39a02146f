/** The decoder against its one promise: the same bytes with the same silences give the same messages, however they are cut. */
import { concatBytes, utf8 } from '@dfs/core'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import {
  LINE_BYTES_MAX,
  LineDecoder,
  type LineEvent,
  type LinePort,
  QUIET_TYPED_MS,
  UNFINISHED_MS,
  UNTERMINATED_BYTES_MAX,
} from '@dfs/protocol'

/** What a decoder says of `packets`, bodies joined, with silence long enough to end anything after the last. */
function decode(packets: readonly Uint8Array[], port: LinePort = 'files', finish = 'quiet'): LineEvent[] {
  const decoder = new LineDecoder(port)
  const events: LineEvent[] = []
  for (const packet of packets) {
    decoder.push(packet.slice(), 0)
    drain(decoder, events)
  }
  if (finish === 'quiet') decoder.quiet(QUIET_TYPED_MS)
  else decoder.end()
  drain(decoder, events)
  return joinBodies(events)
}

function drain(decoder: LineDecoder, events: LineEvent[]): void {
  for (let event = decoder.next(); event !== null; event = decoder.next()) {
    events.push(event)
    if (event.kind === 'end' || event.kind === 'http') return
  }
}

/** `http` ends a stream: whatever the decoder says after it is never asked for. */
function joinBodies(events: readonly LineEvent[]): LineEvent[] {
  const joined: LineEvent[] = []
  for (const event of events) {
    const last = joined.at(-1)
    if (last?.kind === 'http') break
    if (event.kind === 'body' && last?.kind === 'body') {
      joined[joined.length - 1] = { kind: 'body', bytes: concatBytes([last.bytes, event.bytes]) }
    } else joined.push(event.kind === 'body' ? { kind: 'body', bytes: event.bytes.slice() } : event)
  }
  return joined
}

function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const places = [0, ...at.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
  return places.slice(1).map((place, index) => bytes.subarray(places[index], place))
}

/** Streams made of what matters: verbs, separators, endings, digits, and any bytes at all. */
const piece = fc.oneof(
  fc.constantFrom(
    'CREATE_FILE:',
    'WRITE_FILE:',
    'WRITE_FILE_LEN:a:',
    'READ_FILE:',
    'WRITE_FILE_B64:',
    'GET ',
  ),
  fc.constantFrom('\n', '\r\n', '\r', ':', 'a', 'é', '3', '12', 'YQ==', 'FIND_PRIMARY_SERVER', 'HEARTBEAT:1'),
)
const stream = fc
  .array(
    fc.oneof(
      { weight: 8, arbitrary: piece.map(utf8) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 9 }) },
    ),
  )
  .map((pieces) => concatBytes([new Uint8Array(), ...pieces]))

describe('any packets', () => {
  it('give the same messages as one packet', () => {
    const cuts = fc.array(fc.nat(), { maxLength: 12 })
    const port = fc.constantFrom<LinePort>('files', 'master')
    fc.assert(
      fc.property(stream, cuts, port, fc.constantFrom('quiet', 'end'), (bytes, at, where, finish) => {
        expect(decode(cut(bytes, at), where, finish)).toEqual(decode([bytes], where, finish))
      }),
      { numRuns: 2000 },
    )
  })

  it('give the same messages as single bytes', () => {
    fc.assert(
      fc.property(stream, (bytes) => {
        const single = Array.from(bytes, (_, index) => bytes.subarray(index, index + 1))
        expect(decode(single)).toEqual(decode([bytes]))
      }),
    )
  })
})

describe('content', () => {
  it('of any kind comes through WRITE_FILE_LEN and WRITE_FILE_B64 unchanged, also before another message', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), fc.array(fc.nat(), { maxLength: 5 }), (content, at) => {
        const bytes = concatBytes([
          utf8(`WRITE_FILE_LEN:a:${content.length}\n`),
          content,
          utf8(`WRITE_FILE_B64:b:${content.toBase64()}\r\nREAD_FILE:c\n`),
        ])
        const events = decode(cut(bytes, at))
        const body = events.filter((event) => event.kind === 'body').map((event) => event.bytes)
        expect(concatBytes([new Uint8Array(), ...body])).toEqual(content)
        const rest = events.filter((event) => event.kind === 'request').slice(1)
        expect(rest).toMatchObject([
          { request: { verb: 'WRITE_FILE_B64', path: '/b', content }, ending: '\r\n' },
          { request: { verb: 'READ_FILE', path: '/c' }, ending: '\n' },
        ])
      }),
    )
  })
})

describe('size', () => {
  const read = utf8('READ_FILE:a\n')
  const write = (size: number): Uint8Array => utf8('WRITE_FILE:a:'.padEnd(size, 'x'))

  it.each(['\n', '\r\n'])('of a line is %j not counted, up to the limit', (ending) => {
    expect(decode([write(LINE_BYTES_MAX), utf8(ending), read])).toMatchObject([
      { kind: 'request', request: { verb: 'WRITE_FILE' }, ending },
      { kind: 'request', request: { verb: 'READ_FILE' } },
    ])
  })

  it.each([1, 2, 70_000])(
    'of a line that is %i too long is answered once, with its ending, and the next line is served',
    (more) => {
      const line = concatBytes([write(LINE_BYTES_MAX + more), utf8('\r\n')])
      const expected = [
        { kind: 'refused', token: 'MESSAGE_TOO_LONG_ERROR', ending: '\r\n' },
        { kind: 'request', request: { verb: 'READ_FILE', path: '/a' }, ending: '\n' },
      ]
      expect(decode([line, read])).toEqual(expected)
      for (const at of [1, LINE_BYTES_MAX, LINE_BYTES_MAX + 1, line.length - 2, line.length - 1]) {
        expect(decode([...cut(line, [at]), read])).toEqual(expected)
      }
    },
  )

  it('of an unterminated message has a smaller limit', () => {
    expect(decode([write(UNTERMINATED_BYTES_MAX)])).toMatchObject([{ kind: 'request', ending: '' }])
    expect(decode([write(UNTERMINATED_BYTES_MAX + 1)])).toEqual([
      { kind: 'refused', token: 'MESSAGE_TOO_LONG_ERROR', ending: '' },
    ])
  })

  it('of what is held does not follow what is thrown away', () => {
    const decoder = new LineDecoder('files')
    for (let count = 0; count < 100; count += 1) {
      decoder.push(new Uint8Array(64 * 1024).fill(0x78), 0)
      expect(decoder.next()).toBeNull()
      expect(decoder.heldBytes).toBeLessThan(3 * LINE_BYTES_MAX)
    }
    expect(decoder.heldBytes).toBeLessThan(100 * 1024)
  })
})

describe('the search for LF', () => {
  it('looks at each byte of a long line once, however many packets bring it', () => {
    const search = vi.spyOn(Uint8Array.prototype, 'indexOf')
    const line = utf8(`${'WRITE_FILE:a:'.padEnd(20_000, 'x')}\n`)
    decode(Array.from(line, (_, index) => line.subarray(index, index + 1)))
    const searched = search.mock.contexts.map(
      (bytes, index) => (bytes as Uint8Array).length - (search.mock.calls[index]![1] ?? 0),
    )
    search.mockRestore()
    expect(searched.reduce((sum, count) => sum + count, 0)).toBeLessThan(3 * line.length)
  })
})

describe('silence', () => {
  const decoderWith = (text: string, atMs = 0): LineDecoder => {
    const decoder = new LineDecoder('files')
    decoder.push(utf8(text), atMs)
    return decoder
  }
  const deadlineOf = (decoder: LineDecoder): number | null => {
    expect(decoder.next()).toBeNull()
    return decoder.deadlineMs
  }

  it.each([
    ['the first message', 'READ_FILE:a', 250],
    ['a long message', 'WRITE_FILE:a:'.padEnd(1025, 'x'), 500],
    ['a message of 1024 bytes', 'WRITE_FILE:a:'.padEnd(1024, 'x'), 250],
    ['a first packet without a whole verb', 'READ_FIL', 1000],
    ['a verb that is none', 'read_file:a', 1000],
  ])('that ends %s', (_, text, patienceMs) => {
    const decoder = decoderWith(text, 70)
    expect(deadlineOf(decoder)).toBe(70 + patienceMs)
    decoder.quiet(70 + patienceMs - 1)
    expect(decoder.next()).toBeNull()
    decoder.quiet(70 + patienceMs)
    expect(decoder.next()).not.toBeNull()
  })

  it('is counted from the last packet, and shorter after one unterminated message', () => {
    const decoder = decoderWith('READ_', 0)
    decoder.push(utf8('FILE:a'), 900)
    expect(deadlineOf(decoder)).toBe(1900)
    decoder.quiet(1900)
    expect(decoder.next()).toMatchObject({ kind: 'request', ending: '' })
    decoder.push(utf8('READ_FILE:b'), 5000)
    expect(deadlineOf(decoder)).toBe(5050)
  })

  it('means nothing when nothing is pending', () => {
    expect(deadlineOf(new LineDecoder('files'))).toBeNull()
    expect(deadlineOf(decoderWith('\n'))).toBeNull()
  })

  it('leaves a line connection alone for two minutes, then drops the part', () => {
    const decoder = decoderWith('\nREAD_FI')
    expect(deadlineOf(decoder)).toBe(UNFINISHED_MS)
    decoder.quiet(UNFINISHED_MS)
    expect(decoder.next()).toEqual({ kind: 'refused', token: 'TIMEOUT_ERROR', ending: '\n' })
    expect(deadlineOf(decoder)).toBeNull()
  })

  it('cuts a body, whose late bytes are still never read as messages', () => {
    const decoder = decoderWith('WRITE_FILE_LEN:a:30\nabc')
    expect([decoder.next(), decoder.next()]).toMatchObject([{ kind: 'request' }, { kind: 'body' }])
    expect(deadlineOf(decoder)).toBe(UNFINISHED_MS)
    decoder.quiet(UNFINISHED_MS)
    expect(decoder.next()).toEqual({ kind: 'body-cut', token: 'TIMEOUT_ERROR' })
    expect(deadlineOf(decoder)).toBeNull()
    decoder.push(
      utf8('DELETE_FILE:a\nDELETE_FILE:b\nREAD_FILE:c\n'.slice(0, 27) + 'READ_FILE:c\n'),
      UNFINISHED_MS + 1,
    )
    expect(decoder.next()).toMatchObject({ kind: 'request', request: { verb: 'READ_FILE', path: '/c' } })
  })

  it('does not end a message that was given up for its memory before its own end', () => {
    const decoder = decoderWith('WRITE_FILE:a:xxx')
    expect(decoder.next()).toBeNull()
    decoder.shed('TOO_BUSY')
    decoder.push(utf8('xxx\nREAD_FILE:a\n'), 1)
    expect(decoder.next()).toEqual({ kind: 'refused', token: 'STORAGE_ERROR', ending: '\n' })
    expect(decoder.next()).toMatchObject({ kind: 'request', request: { verb: 'READ_FILE' } })
  })
})
