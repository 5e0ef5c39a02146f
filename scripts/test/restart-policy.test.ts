/** When a dead service is started again. */
import { describe, expect, it } from 'vitest'
import {
  decideRestart,
  EXIT_CODE_HOPELESS,
  SHORT_LIFE_MS,
  SHORT_LIVES_MAX,
} from '../cluster/restart-policy.ts'

const LIFE = { livedMs: SHORT_LIFE_MS, wasReady: true, shortLives: 0, exitCode: 1 }

describe('the restart policy', () => {
  it('waits longer after each short life and then gives up', () => {
    const delays: number[] = []
    let shortLives = 0
    for (;;) {
      const decision = decideRestart({ ...LIFE, livedMs: 100, shortLives })
      shortLives = decision.shortLives
      if (decision.kind === 'give-up') break
      delays.push(decision.delayMs)
    }
    expect(shortLives).toBe(SHORT_LIVES_MAX)
    expect(delays).toEqual([250, 500, 1000, 2000])
  })

  it('forgets short lives after a long one', () => {
    expect(decideRestart({ ...LIFE, shortLives: SHORT_LIVES_MAX - 1, exitCode: null })).toEqual({
      kind: 'restart',
      delayMs: 250,
      shortLives: 0,
    })
  })

  it('gives up at once on a service that says that no start will help, however long it lived', () => {
    expect(decideRestart({ ...LIFE, exitCode: EXIT_CODE_HOPELESS }).kind).toBe('give-up')
  })
  it('gives up on a service that was never ready, however long its start takes on a busy machine', () => {
    const life = { ...LIFE, livedMs: 50 * SHORT_LIFE_MS, wasReady: false, shortLives: SHORT_LIVES_MAX - 1 }
    expect(decideRestart(life).kind).toBe('give-up')
  })
})
