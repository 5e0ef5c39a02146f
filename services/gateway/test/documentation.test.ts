/** The sessions in the documentation, typed as they stand: with nc if it is installed, else with what acts like it. */
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { GATEWAY_DEFAULTS } from '../src/index.ts'
import { makeTcpStage, TcpClient } from './support/tcp-client.ts'

const pageAt = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')
const VERBS = /^(?:FIND_PRIMARY_SERVER$|(?:CREATE|READ|WRITE|DELETE)_FILE(?:_B64)?:)/

/** Each connection of the page's session: its port, and what is typed and shown in turn. */
const conversationsIn = (page: string) =>
  /```(?:text)?\n(\$ nc [\s\S]*?)```/
    .exec(page)![1]!
    .trim()
    .split('\n\n')
    .map((part) => {
      const [command, ...lines] = part.split('\n')
      return { port: Number(/^\$ nc 127\.0\.0\.1 (\d+)$/.exec(command!)![1]), lines }
    })

const hasNc = spawnSync('nc', ['-h']).error === undefined

/** Types all lines at once and returns what was shown when as many lines as expected have come. */
async function withNc(port: number, typed: string, shownBytes: number): Promise<string> {
  const nc = spawn('nc', ['127.0.0.1', String(port)], { stdio: ['pipe', 'pipe', 'inherit'] })
  nc.stdin.write(typed)
  let shown = ''
  for await (const piece of nc.stdout) {
    shown += String(piece)
    if (shown.length >= shownBytes) break
  }
  nc.kill()
  return shown
}

async function withTcp(port: number, typed: string, shownBytes: number): Promise<string> {
  await using client = await TcpClient.connect(port)
  client.send(typed)
  return (await client.receive(shownBytes)).toString()
}

describe('the documentation', () => {
  it.each([
    ['docs/line-protocol.md', [5011, 6001]],
    ['README.md', [6001]],
  ])('%s shows a session that can be typed', async (path, ports) => {
    await using stage = await makeTcpStage({ advertisedChunkPorts: GATEWAY_DEFAULTS.chunkPorts })
    const conversations = conversationsIn(pageAt(path))
    expect(conversations.map(({ port }) => port)).toEqual(ports)
    for (const { port, lines } of conversations) {
      const typed = lines.filter((line) => VERBS.test(line)).map((line) => `${line}\n`)
      const expected = lines.filter((line) => !VERBS.test(line)).map((line) => `${line}\n`)
      const realPort = port === GATEWAY_DEFAULTS.masterPort ? stage.ports.master : stage.ports.chunks[0]!
      const speak = hasNc ? withNc : withTcp
      expect(await speak(realPort, typed.join(''), expected.join('').length)).toBe(expected.join(''))
      expect(lines).toHaveLength(typed.length + expected.length)
      expect(typed).toHaveLength(expected.length)
    }
  })

  it('names the default ports', () => {
    const page = pageAt('docs/line-protocol.md')
    expect(page).toContain(`| ${GATEWAY_DEFAULTS.masterPort} `)
    expect(page).toContain(`| ${GATEWAY_DEFAULTS.chunkPorts.join(', ')} `)
  })
})
