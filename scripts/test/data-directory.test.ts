/** Which directories the launcher takes, and that it takes them for itself. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDataDirectory } from '../cluster/data-directory.ts'
import { LaunchError } from '../cluster/launch-error.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'dfs-data-'))
})
afterEach(() => {
  rmSync(root, { recursive: true })
})

describe('the data directory', () => {
  it('is made with its parents and has no chunk servers yet', () => {
    const opened = openDataDirectory(join(root, 'a/b'))
    expect(opened).toMatchObject({ chunkServersKnown: 0, wasLeftRunning: false })
    opened.lock.release()
  })

  it('knows how many chunk servers it has', () => {
    for (const name of ['master', 'chunk-server-1', 'chunk-server-5']) mkdirSync(join(root, name))
    const opened = openDataDirectory(root)
    expect(opened.chunkServersKnown).toBe(5)
    opened.lock.release()
  })

  it('is used by one launcher at a time, and free after it', () => {
    const first = openDataDirectory(root)
    expect(() => openDataDirectory(root)).toThrow(
      new LaunchError(
        `${root} is in use by the launcher with process id ${process.pid}: stop that one, or name another directory with --data`,
      ),
    )
    first.lock.release()
    first.lock.release()
    openDataDirectory(root).lock.release()
  })

  it('refuses a directory of something else', () => {
    writeFileSync(join(root, 'thesis.tex'), '')
    expect(() => openDataDirectory(root)).toThrow(/holds no cluster but other things \(thesis\.tex\)/)
  })

  it('refuses chunk servers without their master', () => {
    mkdirSync(join(root, 'chunk-server-2'))
    expect(() => openDataDirectory(root)).toThrow(/without its master/)
  })

  it('refuses a file', () => {
    const file = join(root, 'file')
    writeFileSync(file, '')
    expect(() => openDataDirectory(file)).toThrow(/is a file, not a directory/)
    expect(() => openDataDirectory(join(file, 'below'))).toThrow(/has a file where a directory should be/)
  })
})
