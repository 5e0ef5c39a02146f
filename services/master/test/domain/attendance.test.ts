/** Who counts, and when most of them are there. */
import { describe, expect, it } from 'vitest'
import { attendanceOf, mayAct, mayRemove, type Member } from '../../src/domain/attendance.ts'

const heard = (id: number, internalAddress = `host-${id}`): Member => ({
  id,
  internalAddress,
  isRemoved: false,
  isGivenUp: false,
  hasReported: true,
})
const silent = (id: number, internalAddress = `host-${id}`): Member => ({
  ...heard(id, internalAddress),
  hasReported: false,
})

describe('the attendance', () => {
  it('is a majority with more than half of the places', () => {
    const isMajority = (...members: Member[]): boolean => attendanceOf(members).hasMajority
    expect(isMajority(heard(1), silent(2))).toBe(false)
    expect(isMajority(heard(1), heard(2), silent(3))).toBe(true)
    expect(isMajority(heard(1))).toBe(true)
    expect(isMajority()).toBe(false)
  })

  it('counts a place once, however many disks were there, and asks for the last one', () => {
    const replaced = [silent(1, 'a'), silent(2, 'a'), heard(3, 'a')]
    expect(attendanceOf([...replaced, silent(4)])).toEqual({
      hasMajority: false,
      hasEveryone: false,
      silent: [4],
    })
    expect(attendanceOf([...replaced, heard(4)]).hasEveryone).toBe(true)
    expect(attendanceOf([silent(2, 'a'), silent(1, 'a'), heard(5)]).silent).toEqual([2])
    // An earlier disk is back, and the later one is not there.
    expect(attendanceOf([heard(1, 'a'), silent(2, 'a')]).hasEveryone).toBe(true)
  })

  it('leaves out who was removed or given up', () => {
    const [removed, givenUp] = [
      { ...silent(2), isRemoved: true },
      { ...silent(3), isGivenUp: true },
    ]
    expect(attendanceOf([heard(1), removed, givenUp])).toEqual({
      hasMajority: true,
      hasEveryone: true,
      silent: [],
    })
    expect(attendanceOf([removed, givenUp]).hasMajority).toBe(false)
    // The one that was removed does not stand for the place of the one that is awaited there.
    expect(attendanceOf([silent(1, 'a'), { ...silent(2, 'a'), isRemoved: true }]).silent).toEqual([1])
  })
})

describe('what may be done', () => {
  const asked = (members: readonly Member[], nowMs: number) => ({
    attendance: attendanceOf(members),
    startedAtMs: 1_000,
    nowMs,
    deadAfterMs: 20_000,
  })

  it('is nothing to copies before most servers are there, and it is said who is waited for', () => {
    const yes = { mayAct: true, waitsFor: [], waitMs: 0 }
    expect(mayAct(asked([heard(1), heard(2), silent(3)], 26_000))).toEqual(yes)
    const waits = { mayAct: false, waitsFor: [2, 3], waitMs: 0 }
    expect(mayAct(asked([heard(1), silent(2), silent(3)], 26_000))).toEqual(waits)
  })

  it('is nothing to copies before a death would have been noticed, and a little', () => {
    expect(mayAct(asked([heard(1)], 25_999))).toEqual({ mayAct: false, waitsFor: [], waitMs: 1 })
  })

  it('is no deletion before all are there, or most and the others had their time (R6)', () => {
    expect(mayRemove(asked([heard(1), heard(2)], 1_000))).toBe(true)
    expect(mayRemove(asked([heard(1), heard(2), silent(3)], 20_999))).toBe(false)
    expect(mayRemove(asked([heard(1), heard(2), silent(3)], 21_000))).toBe(true)
    expect(mayRemove(asked([heard(1), silent(2)], 1e9))).toBe(false)
  })
})
