/** The load generator must not take a bad or unfinished answer for a good one. */
import { describe, expect, it } from 'vitest'
import { headerOf, parseResponseHead } from '../load/response-head.ts'

const head = (text: string) => parseResponseHead(Buffer.from(text, 'latin1'))

describe('a response head', () => {
  it('is known once its empty line is there', () => {
    const text = 'HTTP/1.1 201 Created\r\nETag: "1"\r\ncontent-LENGTH: 17\r\n\r\n'
    for (let cut = 0; cut < text.length; cut += 1) expect(head(text.slice(0, cut))).toBeNull()
    expect(head(`${text}body`)).toMatchObject({ status: 201, contentLength: 17, headBytes: text.length })
  })

  it('needs no length if there is no body', () => {
    expect(head('HTTP/1.1 304 Not Modified\r\n\r\n')).toMatchObject({ status: 304, contentLength: 0 })
  })

  it.each([
    'SSH-2.0-x\r\n\r\n',
    'HTTP/1.1 abc\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
  ])('throws on %j', (text) => {
    expect(() => head(text)).toThrow(/HTTP\/1.1 response|without Content-Length/)
  })

  it('throws on a head without end', () => {
    expect(() => head(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(20_000)}`)).toThrow('too long')
  })

  it('finds headers by name, in any case', () => {
    expect(headerOf('HTTP/1.1 200 OK\r\nDurability: copies=3, fsynced=3\r\nX: y', 'durability')).toBe(
      'copies=3, fsynced=3',
    )
    expect(headerOf('HTTP/1.1 200 OK\r\nX: durability', 'durability')).toBeNull()
  })
})
