/** Logs stay bounded and no line is shown twice or lost, whatever the moment at which they are looked at. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LogFile } from '../cluster/log-file.ts'

let directory: string
let log: LogFile

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dfs-log-'))
  log = new LogFile(join(directory, 'x.log'), 100)
})
afterEach(() => {
  log.close()
  rmSync(directory, { recursive: true })
})

describe('a log file', () => {
  it('yields each finished line once', () => {
    writeSync(log.fd, 'one\ntwo\nthr')
    expect(log.newLines()).toEqual(['one', 'two'])
    expect(log.newLines()).toEqual([])
    writeSync(log.fd, 'ee ✓\n')
    expect(log.newLines()).toEqual(['three ✓'])
  })

  it('does not show what an earlier run wrote', () => {
    appendFileSync(join(directory, 'y.log'), 'old\n')
    const again = new LogFile(join(directory, 'y.log'))
    writeSync(again.fd, 'new\n')
    expect(again.newLines()).toEqual(['new'])
    again.close()
  })

  it('moves aside what is too large, and the writer goes on in the emptied file', () => {
    const line = `${'x'.repeat(120)}\n`
    writeSync(log.fd, line)
    expect(log.newLines()).toHaveLength(1)
    expect(readFileSync(`${log.path}.1`, 'utf8')).toBe(line)
    expect(statSync(log.path).size).toBe(0)
    writeSync(log.fd, 'after\n')
    expect(log.newLines()).toEqual(['after'])
    expect(readFileSync(log.path, 'utf8')).toBe('after\n')
  })

  it('keeps the last words', () => {
    writeSync(log.fd, 'a\n\nb\nc\n')
    expect(log.lastLines(2)).toEqual(['b', 'c'])
  })
})
