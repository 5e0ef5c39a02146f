import { QueueFullError, Semaphore } from '@dfs/core'
import { describe, expect, it } from 'vitest'

const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

describe('Semaphore', () => {
  it('lets in as many as it has permits, then one for each that leaves, first come first served', async () => {
    const semaphore = new Semaphore(2, 10)
    const inside: string[] = []
    const exits = new Map<string, () => void>()
    const enter = (name: string): Promise<void> =>
      semaphore.run(() => {
        inside.push(name)
        return new Promise((resolve) => void exits.set(name, resolve))
      })
    for (const name of ['a', 'b', 'c', 'd']) void enter(name)
    await settle()
    expect(inside).toEqual(['a', 'b'])
    exits.get('b')!()
    await settle()
    expect(inside).toEqual(['a', 'b', 'c'])
    for (const name of ['a', 'c']) exits.get(name)!()
    await settle()
    expect(inside).toEqual(['a', 'b', 'c', 'd'])
  })

  it('gives the permit back when the work throws', async () => {
    const semaphore = new Semaphore(1, 0)
    const error = new Error('broken')
    await expect(semaphore.run(() => Promise.reject(error))).rejects.toBe(error)
    expect(await semaphore.run(async () => 'next')).toBe('next')
  })

  it('refuses when too many wait', async () => {
    const semaphore = new Semaphore(1, 1)
    await semaphore.acquire()
    const waiting = semaphore.acquire()
    await expect(semaphore.acquire()).rejects.toBeInstanceOf(QueueFullError)
    semaphore.release()
    await waiting
  })
})
