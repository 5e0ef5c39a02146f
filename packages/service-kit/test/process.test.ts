/** A real process under real signals: the one thing that cannot be shown in-process. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

const PROGRAM = join(import.meta.dirname, 'support', 'program.ts')

interface Ended {
  readonly code: number | null
  readonly output: string
}

/** Runs the program in `mode`; sends a signal each time it prints a line that `signals` names. */
function run(mode: string, signals: Record<string, NodeJS.Signals> = {}): Promise<Ended> {
  const child = spawn(process.execPath, [PROGRAM, mode], { stdio: ['ignore', 'pipe', 'inherit'] })
  const { promise, resolve } = Promise.withResolvers<Ended>()
  const left = new Map(Object.entries(signals))
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    for (const [word, signal] of left) {
      if (!output.includes(word)) continue
      left.delete(word)
      child.kill(signal)
    }
  })
  child.on('close', (code) => resolve({ code, output }))
  return promise
}

test('SIGTERM stops in order and ends with 0', async () => {
  const { code, output } = await run('serve', { '"msg":"ready"': 'SIGTERM' })
  expect(output).toMatch(/closing the store[\s\S]*"msg":"stopped"/)
  expect(code).toBe(0)
})

test.skipIf(process.platform !== 'linux')('ps shows which service a process is', async () => {
  const child = spawn(process.execPath, [PROGRAM, 'serve'], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stdout, 'data')
  expect(readFileSync(`/proc/${child.pid}/cmdline`, 'latin1').split('\0')[0]).toBe('dfs-test')
  expect(readFileSync(`/proc/${child.pid}/comm`, 'latin1')).toBe('dfs-test\n')
})

test('a second signal ends at once', async () => {
  const { code } = await run('hang', { '"msg":"ready"': 'SIGTERM', '"msg":"hanging"': 'SIGINT' })
  expect(code).toBe(130)
})

test.each([
  ['throw', 70, 'a bug'],
  ['reject', 70, 'a bug'],
  ['config', 78, 'DFS_PORT is not set'],
  ['refuse', 78, 'the data is of another cluster'],
  ['refuse later', 78, 'the data is of another cluster'],
  ['fail', 1, 'the service cannot start'],
  ['misspelt', 1, '"variable":"DFS_PROT"'],
])('%s ends with %i and says why', async (mode, expected, words) => {
  const { code, output } = await run(mode)
  expect(output).toContain(words)
  expect(code).toBe(expected)
})

test('a service logs at the level that its environment says', async () => {
  const { output } = await run('quiet')
  expect(output).toContain('the service cannot start')
  expect(output).not.toContain('"msg":"ready"')
})

test.skipIf(process.platform !== 'linux').each([
  ['config', 78],
  ['throw', 70],
])('%s ends with %i if its log is on a full disk', async (mode, expected) => {
  const full = openSync('/dev/full', 'w')
  try {
    const child = spawn(process.execPath, [PROGRAM, mode], { stdio: ['ignore', full, 'inherit'] })
    onTestFinished(() => void child.kill('SIGKILL'))
    const code = await new Promise((resolve) => child.on('close', resolve))
    expect(code).toBe(expected)
  } finally {
    closeSync(full)
  }
})
