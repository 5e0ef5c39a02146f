/** A service that repeats itself must not fill the terminal, and nothing new may be hidden. */
import { describe, expect, it } from 'vitest'
import { Notices, QUIET_MS } from '../cluster/notices.ts'

describe('notices', () => {
  it('shows a text once, and later with how often it came', () => {
    const notices = new Notices()
    expect(notices.filter('volume 1a is late', 0)).toBe('volume 1a is late')
    expect(notices.filter('volume 2b is late', 10)).toBeNull()
    expect(notices.filter('volume 3 is late', QUIET_MS - 1)).toBeNull()
    expect(notices.filter('volume 4 is late', QUIET_MS)).toBe('volume 4 is late (2 times more since)')
    expect(notices.filter('volume 5 is late', 2 * QUIET_MS)).toBe('volume 5 is late')
  })

  it('hides no other text', () => {
    const notices = new Notices()
    notices.filter('the disk is slow', 0)
    expect(notices.filter('the disk is full', 0)).toBe('the disk is full')
  })

  it('forgets rather than grows without bound', () => {
    const notices = new Notices()
    const letters = 'ghijklmnop'
    const name = (index: number): string =>
      Array.from(String(index), (digit) => letters[Number(digit)]).join('')
    for (let index = 0; index < 1000; index += 1) expect(notices.filter(name(index), 0)).toBe(name(index))
  })
})
