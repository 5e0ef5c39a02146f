/** What the launcher makes of its command line. */
import { describe, expect, it } from 'vitest'
import { parseArguments } from '../cluster/options.ts'

const wrongMessage = (...argv: string[]): string => {
  const parsed = parseArguments(argv)
  return parsed.kind === 'wrong' ? parsed.message : `not wrong: ${JSON.stringify(parsed)}`
}

describe('the launcher options', () => {
  it('has defaults for everything', () => {
    expect(parseArguments([])).toEqual({
      kind: 'run',
      options: { data: './data', chunkServers: null, portOffset: 0 },
    })
  })

  it('takes values after a blank and after an equals sign', () => {
    expect(parseArguments(['--data', 'd', '--chunk-servers=9', '--port-offset', '58000'])).toEqual({
      kind: 'run',
      options: { data: 'd', chunkServers: 9, portOffset: 58_000 },
    })
  })

  it.each([
    ['0', 'too few'],
    ['10', 'too many'],
    ['-1', 'negative'],
    ['3.5', 'a fraction'],
    ['1e0', 'another notation'],
    ['', 'nothing'],
  ])('refuses --chunk-servers=%s: %s', (value) => {
    expect(wrongMessage(`--chunk-servers=${value}`)).toContain('--chunk-servers must be a number from 1 to 9')
  })

  it.each(['500', '1001', '59000', 'x'])('refuses --port-offset %s', (value) => {
    expect(wrongMessage('--port-offset', value)).toContain('--port-offset must be a multiple of 1000')
  })

  it.each([[['--replicas', '3']], [['extra']], [['--data']], [['--data', '']]])(
    'refuses %j in one line that names the help',
    (argv) => {
      const message = wrongMessage(...argv)
      expect(message).toMatch(/^[^\n]+ \(npm start -- --help lists the options\)$/)
      expect(message).toContain(argv[0]!)
    },
  )

  it('prefers help to a wrong value', () => {
    expect(parseArguments(['--help', '--chunk-servers', '99'])).toEqual({ kind: 'help' })
  })
})
