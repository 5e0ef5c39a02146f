import { type Disk, readWhole, utf8, writeDurably } from '@dfs/core'
import { describe, expect, it } from 'vitest'
import { type DiskOperation, simNode, SimNetwork, type SimNode, Simulation } from '../src/index.ts'

const SEEDS = Array.from({ length: 40 }, (_, index) => `seed ${index}`)

function makeNode(seed: string, diskBytes?: number): { simulation: Simulation; node: SimNode } {
  const simulation = new Simulation(seed)
  return { simulation, node: simNode(new SimNetwork(simulation), 'node', diskBytes) }
}

/** What each seed leaves of `prepare` after a power cut, as text. */
async function afterPowerCut(
  prepare: (disk: Disk) => Promise<void>,
  name: string,
): Promise<(string | null)[]> {
  const results: (string | null)[] = []
  for (const seed of SEEDS) {
    const { simulation, node } = makeNode(seed)
    await simulation.complete(() => prepare(node.runtime.disk))
    node.crash('power')
    const bytes = await simulation.complete(() => readWhole(node.restart().disk, name))
    results.push(bytes === null ? null : Buffer.from(bytes).toString('latin1'))
  }
  return results
}

const syncedFile = async (disk: Disk, content: string): Promise<void> => {
  await writeDurably(disk, 'file', utf8(content))
}

describe('SimDisk in a power cut', () => {
  it('keeps what was synced under a synced name', async () => {
    expect(new Set(await afterPowerCut((disk) => syncedFile(disk, 'safe'), 'file'))).toEqual(
      new Set(['safe']),
    )
  })

  it('keeps the synced bytes, and now and then a part of those appended since', async () => {
    const contents = await afterPowerCut(async (disk) => {
      await syncedFile(disk, 'safe')
      const file = await disk.open('file', 'existing')
      await file.appendv([utf8('-unsafe')])
    }, 'file')
    expect(contents.every((content) => content?.startsWith('safe'))).toBe(true)
    const lengths = new Set(contents.map((content) => content!.length))
    expect(lengths.has(4) && lengths.has(11)).toBe(true)
    expect(lengths.size).toBeGreaterThan(3)
  })

  it('sometimes brings back what was truncated or overwritten without a sync', async () => {
    const truncated = await afterPowerCut(async (disk) => {
      await syncedFile(disk, '0123456789')
      await (await disk.open('file', 'existing')).truncate(4)
    }, 'file')
    expect(new Set(truncated)).toEqual(new Set(['0123456789', '0123']))
    const overwritten = await afterPowerCut(async (disk) => {
      await syncedFile(disk, 'aa')
      await (await disk.open('file', 'existing')).writeAt(0, utf8('bb'))
    }, 'file')
    expect(overwritten).toContain('aa')
    expect(overwritten).toContain('bb')
  })

  it('may lose a created, renamed or removed name whose directory was not synced, never half a rename', async () => {
    const created = await afterPowerCut(async (disk) => {
      const file = await disk.open('file', 'create')
      await file.appendv([utf8('x')])
      await file.sync()
    }, 'file')
    expect(new Set(created)).toEqual(new Set([null, 'x']))

    const removed = await afterPowerCut(async (disk) => {
      await syncedFile(disk, 'x')
      await disk.remove('file')
    }, 'file')
    expect(new Set(removed)).toEqual(new Set([null, 'x']))

    const renamed = await afterPowerCut(async (disk) => {
      await syncedFile(disk, 'old')
      await writeDurably(disk, 'next', utf8('new'))
      await disk.rename('next', 'file')
    }, 'file')
    expect(new Set(renamed)).toEqual(new Set(['old', 'new']))
  })

  it('may lose a file whose directory has a name that was not synced', async () => {
    const contents = await afterPowerCut(async (disk) => {
      await disk.makeDirectory('a')
      await writeDurably(disk, 'a/file', utf8('x'))
    }, 'a/file')
    expect(new Set(contents)).toEqual(new Set([null, 'x']))
  })

  it('loses nothing when only the process dies', async () => {
    const { simulation, node } = makeNode('process')
    await simulation.complete(async () => {
      const file = await node.runtime.disk.open('file', 'create')
      await file.appendv([utf8('unsynced')])
    })
    node.crash('process')
    const bytes = await simulation.complete(() => readWhole(node.restart().disk, 'file'))
    expect(bytes).toEqual(utf8('unsynced'))
  })
})

describe('writeDurably', () => {
  it('leaves the old content or the new, and the new once it has returned, after a power cut at any operation', async () => {
    const outcomes = new Set<string>()
    for (const seed of SEEDS) {
      for (let crashAt = 0; ; crashAt += 1) {
        const { simulation, node } = makeNode(seed)
        await simulation.complete(() => writeDurably(node.runtime.disk, 'file', utf8('old')))
        let operationsCount = 0
        node.disk.faultHook = () => {
          operationsCount += 1
          if (operationsCount === crashAt + 1)
            simulation.schedule(0.005, 'power cut', () => node.crash('power'))
          return null
        }
        let hasReturned = false
        void writeDurably(node.runtime.disk, 'file', utf8('brand new')).then(() => (hasReturned = true))
        await simulation.run()
        if (node.isUp) break
        const bytes = await simulation.complete(() => readWhole(node.restart().disk, 'file'))
        const content = bytes === null ? 'nothing' : Buffer.from(bytes).toString()
        expect(hasReturned ? ['brand new'] : ['old', 'brand new']).toContain(content)
        outcomes.add(content)
      }
    }
    expect(outcomes).toEqual(new Set(['old', 'brand new']))
  })
})

describe('SimDisk under a checker', () => {
  it('shows of a file only what no power cut can take', async () => {
    const { simulation, node } = makeNode('durable')
    const { disk } = node
    const durable = (name: string): string | undefined =>
      disk.durable(name) === null ? undefined : Buffer.from(disk.durable(name)!).toString()
    await simulation.complete(async () => {
      await node.runtime.disk.makeDirectory('a')
      const file = await node.runtime.disk.open('a/file', 'create')
      await file.appendv([utf8('synced')])
      await file.sync()
      await node.runtime.disk.syncDirectory('a')
      expect(durable('a/file'), 'its directory may still be lost').toBeUndefined()
      await node.runtime.disk.syncDirectory('')
      await file.appendv([utf8('-unsynced')])
      expect(durable('a/file')).toBe('synced')
      await file.sync()
      expect(durable('a/file')).toBe('synced-unsynced')
    })
  })

  it('tells a witness what is asked of it, in which life, and what became of it', async () => {
    const { simulation, node } = makeNode('witness')
    const seen: string[] = []
    node.disk.witness = {
      begins: ({ kind }, { number }) => seen.push(`${kind} in life ${number}`),
      ends: ({ kind }, error) => seen.push(`${kind} ${error === null ? 'done' : 'failed'}`),
    }
    await simulation.complete(() => node.runtime.disk.makeDirectory('a'))
    node.crash()
    const { disk } = node.restart()
    await simulation.complete(() => disk.remove('b').catch(() => undefined))
    expect(seen).toEqual([
      'makeDirectory in life 1',
      'makeDirectory done',
      'remove in life 2',
      'remove failed',
    ])
  })

  it('goes from one node to another', async () => {
    const simulation = new Simulation('swap')
    const network = new SimNetwork(simulation)
    const [one, other] = [simNode(network, 'one'), simNode(network, 'other')]
    await simulation.complete(() => syncedFile(one.runtime.disk, 'moved'))
    await simulation.complete(() => one.runtime.disk.syncDirectory(''))
    other.crash()
    other.replaceDisk(one.disk)
    const { disk } = other.restart()
    expect(await simulation.complete(() => readWhole(disk, 'file'))).toEqual(utf8('moved'))
  })
})

describe('SimDisk faults', () => {
  const failOn = (kind: DiskOperation['kind'], error: 'io' | 'full') => (operation: DiskOperation) =>
    operation.kind === kind ? ({ kind: 'error', error } as const) : null

  it('a failed sync loses what was not synced; its handle remembers, and another one is told that all is well', async () => {
    const { simulation, node } = makeNode('sync')
    await simulation.complete(async () => {
      const { disk } = node.runtime
      await syncedFile(disk, 'safe')
      const file = await disk.open('file', 'existing')
      await file.appendv([utf8('-lost')])
      node.disk.faultHook = failOn('sync', 'io')
      await expect(file.sync()).rejects.toMatchObject({ kind: 'io' })
      node.disk.faultHook = null
      await expect(file.sync()).rejects.toMatchObject({ kind: 'io' })
      const other = await disk.open('file', 'existing')
      await other.sync()
      expect(await other.size()).toBe(9)
    })
    node.crash('power')
    const bytes = await simulation.complete(() => readWhole(node.restart().disk, 'file'))
    expect(bytes).toEqual(utf8('safe'))
  })

  it('a failed append leaves a prefix of what was to be written', async () => {
    const sizes = new Set<number>()
    for (const seed of SEEDS) {
      const { simulation, node } = makeNode(seed)
      await simulation.complete(async () => {
        const file = await node.runtime.disk.open('file', 'create')
        node.disk.faultHook = failOn('append', 'full')
        await expect(file.appendv([utf8('01'), utf8('23')])).rejects.toMatchObject({ kind: 'full' })
        const buffer = new Uint8Array(10)
        const size = await file.readInto(0, buffer)
        expect('0123'.startsWith(Buffer.from(buffer.subarray(0, size)).toString())).toBe(true)
        sizes.add(size)
      })
    }
    expect(sizes).toEqual(new Set([0, 1, 2, 3, 4]))
  })

  it('is full when its capacity is used up, and has room again after a removal', async () => {
    const { simulation, node } = makeNode('full', 10)
    await simulation.complete(async () => {
      const { disk } = node.runtime
      const file = await disk.open('a', 'create')
      await expect(file.appendv([new Uint8Array(11)])).rejects.toMatchObject({ kind: 'full' })
      expect((await disk.space()).freeBytes).toBe(0)
      await disk.remove('a')
      await disk.syncDirectory('')
      expect((await disk.space()).freeBytes).toBe(10)
    })
  })

  it('flips a bit in one read, or on the medium for ever', async () => {
    const { simulation, node } = makeNode('flip')
    await simulation.complete(async () => {
      const { disk } = node.runtime
      await syncedFile(disk, 'abc')
      node.disk.faultHook = ({ kind }) => (kind === 'read' ? { kind: 'flip', at: 1, bit: 0 } : null)
      expect(await readWhole(disk, 'file')).toEqual(utf8('acc'))
      node.disk.faultHook = null
      expect(await readWhole(disk, 'file')).toEqual(utf8('abc'))
      node.disk.flipBit('file', 2, 1)
      expect(await readWhole(disk, 'file')).toEqual(utf8('aba'))
    })
    node.crash('power')
    expect(await simulation.complete(() => readWhole(node.restart().disk, 'file'))).toEqual(utf8('aba'))
  })

  it('comes back as it was: with what was synced then, and without what has come since', async () => {
    const { simulation, node } = makeNode('image')
    const image = await simulation.complete(async () => {
      const { disk } = node.runtime
      await disk.makeDirectory('a')
      await disk.syncDirectory('')
      await writeDurably(disk, 'a/kept', utf8('old'))
      const file = await disk.open('a/kept', 'existing')
      await file.appendv([utf8('-unsynced')])
      const taken = node.disk.takeImage()
      await file.sync()
      await writeDurably(disk, 'a/new', utf8('x'))
      return taken
    })
    node.crash('power')
    node.disk.restore(image)
    await simulation.complete(async () => {
      const { disk } = node.restart()
      expect(await disk.list('a')).toEqual(['kept'])
      expect(await readWhole(disk, 'a/kept')).toEqual(utf8('old'))
      // It is a copy: what is done to the disk is not done to the image.
      await (await disk.open('a/kept', 'existing')).writeAt(0, utf8('new'))
    })
    expect(image.get('a/kept')).toEqual(utf8('old'))
    node.crash('power')
    node.disk.restore(image)
    expect(await simulation.complete(() => readWhole(node.restart().disk, 'a/kept'))).toEqual(utf8('old'))
  })

  it('loses a write that counts as synced, or puts it in the place of another', async () => {
    const { simulation, node } = makeNode('lost')
    await simulation.complete(async () => {
      const { disk } = node.runtime
      await syncedFile(disk, 'abcdef')
      const lost = await disk.open('lost', 'create')
      node.disk.faultHook = ({ kind }) => (kind === 'append' ? { kind: 'lost' } : null)
      await lost.appendv([utf8('xyz')])
      node.disk.faultHook = ({ kind }) =>
        kind === 'append' ? { kind: 'misdirected', name: 'file', at: 2 } : null
      await lost.appendv([utf8('XYZ')])
      await lost.sync()
      await disk.syncDirectory('')
    })
    node.crash('power')
    const { disk } = node.restart()
    expect(await simulation.complete(() => readWhole(disk, 'lost'))).toEqual(new Uint8Array(6))
    expect(await simulation.complete(() => readWhole(disk, 'file'))).toEqual(utf8('abXYZf'))
  })

  it('says where an operation of a file is', async () => {
    const { simulation, node } = makeNode('where')
    const seen: string[] = []
    node.disk.faultHook = ({ kind, at, bytes }) => {
      seen.push(`${kind} ${at} ${bytes}`)
      return null
    }
    await simulation.complete(async () => {
      const file = await node.runtime.disk.open('file', 'create')
      await file.appendv([utf8('abcdef')])
      await file.appendv([utf8('gh')])
      await file.readInto(3, new Uint8Array(4))
      await file.truncate(5)
    })
    expect(seen).toEqual(['open 0 0', 'append 0 6', 'append 6 2', 'read 3 4', 'truncate 5 0'])
  })

  it('makes an operation slow', async () => {
    const { simulation, node } = makeNode('slow')
    node.disk.faultHook = () => ({ kind: 'slow', extraMs: 5000 })
    await simulation.complete(() => node.runtime.disk.space())
    expect(simulation.nowMs).toBeGreaterThan(5000)
  })
})
