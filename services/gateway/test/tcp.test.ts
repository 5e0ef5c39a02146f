/** What only real sockets show: half-close, reset, addresses, slow readers, many connections, and the end. */
import { describe, expect, it } from 'vitest'
import { MIB } from '@dfs/protocol'
import { canPipeline, prepare, settingOf } from './support/player.ts'
import { makeTcpStage, TcpClient } from './support/tcp-client.ts'
import { bytesOf, readTranscripts } from './support/transcript.ts'

const IDLE_CONNECTIONS = Number(process.env['DFS_TEST_IDLE_CONNECTIONS'] ?? 300)

const playable = readTranscripts().filter(
  (transcript) =>
    canPipeline(transcript) &&
    transcript.setup.every(([key]) => ['file', 'directory', 'port', 'fails'].includes(key!)),
)

describe('transcripts over TCP', () => {
  it.each(playable.filter((transcript) => settingOf(transcript, 'port') !== 'master'))(
    '$name',
    async (transcript) => {
      await using stage = await makeTcpStage()
      prepare(stage.store, transcript)
      await using client = await TcpClient.connect(stage.ports.chunks[1]!)
      for (const step of transcript.steps) {
        if (step.kind === 'send') client.send(bytesOf(step.text, '\r\n'))
        if (step.kind !== 'receive') continue
        const expected = Buffer.from(bytesOf(step.text, '\r\n'))
        const received = await client.receive(expected.length)
        expect(
          received.equals(expected),
          `${step.text.slice(0, 80)}: ${received.subarray(0, 80).toString()}`,
        ).toBe(true)
      }
    },
  )
})

describe('an unterminated conversation in real time', () => {
  it('is answered message by message', async () => {
    await using stage = await makeTcpStage()
    await using client = await TcpClient.connect(stage.ports.chunks[0]!)
    expect(await client.ask('CREATE_FILE:a', 'FILE_CREATED')).toBe('FILE_CREATED')
    expect(await client.ask('WRITE_FILE:a:hello', 'FILE_WRITTEN')).toBe('FILE_WRITTEN')
    expect(await client.ask('READ_FILE:a', 'FILE_CONTENT:hello')).toBe('FILE_CONTENT:hello')
  })

  it('of the original, from the question to the release', async () => {
    await using stage = await makeTcpStage()
    await using question = await TcpClient.connect(stage.ports.master)
    const info = `PRIMARY_SERVER_INFO:127.0.0.1,${stage.ports.chunks[0]}`
    expect(await question.ask('FIND_PRIMARY_SERVER', info)).toBe(info)
    question.end()
    await using client = await TcpClient.connect(stage.ports.chunks[0]!)
    expect([...(await client.receive(2))]).toEqual([0xff, 0xf1])
    expect(await client.ask('CREATE_FILE:a', 'FILE_CREATED')).toBe('FILE_CREATED')
  })

  it('of a program that asks at once is not disturbed by the release when the event loop was blocked', async () => {
    await using stage = await makeTcpStage()
    await using question = await TcpClient.connect(stage.ports.master)
    await question.ask('FIND_PRIMARY_SERVER', `PRIMARY_SERVER_INFO:127.0.0.1,${stage.ports.chunks[0]}`)
    question.end()
    await until(() => question.ending === 'fin' && stage.gateway.connectionsCount === 0)
    await using client = await TcpClient.connect(stage.ports.chunks[0]!)
    await until(() => stage.gateway.connectionsCount === 1)
    client.send('READ_FILE:none')
    blockFor(400)
    expect((await client.receive(14)).toString()).toBe('FILE_NOT_FOUND')
  })

  it('does not take a blocked event loop for silence', async () => {
    await using stage = await makeTcpStage({ release: 'always' })
    await using client = await TcpClient.connect(stage.ports.chunks[0]!)
    await client.receive(2)
    await client.ask('CREATE_FILE:ab', 'FILE_CREATED')
    client.send('READ_FILE:a')
    await untilHeld(stage.gateway, 11)
    client.send('b')
    blockFor(400)
    expect((await client.receive(25)).toString()).toBe('FILE_CONTENT:File created')
  })
})

describe('the end of a connection', () => {
  it('that the client half-closes comes after all replies, however long they take', async () => {
    await using stage = await makeTcpStage()
    stage.store.files.set('/a', new Uint8Array(MIB).fill(0x78))
    await using client = await TcpClient.connect(stage.ports.chunks[0]!)
    client.send('READ_FILE:a\n'.repeat(20))
    client.end()
    expect((await client.receiveAll()).length).toBe(20 * (MIB + 'FILE_CONTENT:\n'.length))
    expect(client.ending).toBe('fin')
  })

  it('by a reset in the middle of anything leaves nothing behind', async () => {
    await using stage = await makeTcpStage()
    await using watcher = await TcpClient.connect(stage.ports.chunks[0]!)
    await watcher.ask('CREATE_FILE:a\n', 'FILE_CREATED\n')
    for (const part of [
      'READ',
      'READ_FILE:a\n',
      'WRITE_FILE_LEN:a:9\nabc',
      'WRITE_FILE_LEN:a:999999\nabc',
      '',
    ]) {
      await using client = await TcpClient.connect(stage.ports.chunks[0]!)
      client.send(part)
      client.send('\n'.repeat(3))
      client.reset()
    }
    await until(() => stage.gateway.connectionsCount === 1)
    expect(await watcher.ask('READ_FILE:a\n', 'FILE_CONTENT:File created\n')).toBe(
      'FILE_CONTENT:File created\n',
    )
    expect(stage.gateway.heldBytes).toBe(0)
  })

  it('by the gateway finishes what was asked, then resets, since FIN would make an original client spin', async () => {
    const stage = await makeTcpStage()
    await using idle = await TcpClient.connect(stage.ports.chunks[0]!)
    await using busy = await TcpClient.connect(stage.ports.chunks[0]!)
    const { promise: mayAnswer, resolve: answer } = Promise.withResolvers<void>()
    const { promise: hasAsked, resolve: asked } = Promise.withResolvers<void>()
    stage.store.remove = async () => {
      asked()
      await mayAnswer
    }
    busy.send('DELETE_FILE:a\nDELETE_FILE:b\n')
    await hasAsked
    const closed = stage.gateway.close()
    await expect(TcpClient.connect(stage.ports.master)).rejects.toThrow('ECONNREFUSED')
    answer()
    expect((await busy.receiveAll()).toString()).toBe('FILE_DELETED\nFILE_DELETED\n')
    await idle.receiveAll()
    expect([idle.ending, busy.ending]).toEqual(['reset', 'reset'])
    await closed
    await stage.gateway.close()
  })

  it('by the gateway does not wait for storage for ever', async () => {
    const stage = await makeTcpStage({ drainDeadlineMs: 50 })
    stage.store.isStuck = true
    await using client = await TcpClient.connect(stage.ports.chunks[0]!)
    client.send('READ_FILE:a\n')
    await untilHeld(stage.gateway, 0)
    await stage.gateway.close()
    expect((await client.receiveAll()).toString()).toBe('')
    expect(client.ending).toBe('reset')
  })
})

describe('a client that reads nothing', () => {
  it('is bounded, stops being read, and others do not notice', async () => {
    await using stage = await makeTcpStage()
    stage.store.files.set('/big', new Uint8Array(MIB).fill(0x78))
    stage.store.files.set('/small', new Uint8Array(3).fill(0x78))
    await using deaf = await TcpClient.connect(stage.ports.chunks[0]!)
    deaf.pause()
    const requests = 200
    deaf.send('READ_FILE:big\n'.repeat(requests))
    await using other = await TcpClient.connect(stage.ports.chunks[1]!)
    for (let count = 0; count < 100; count += 1) {
      expect(await other.ask('READ_FILE:small\n', 'FILE_CONTENT:xxx\n')).toBe('FILE_CONTENT:xxx\n')
      expect(stage.gateway.heldBytes).toBeLessThan(8 * MIB)
    }
    deaf.resume()
    const whole = await deaf.receive(requests * (MIB + 'FILE_CONTENT:\n'.length))
    expect(whole.length).toBe(requests * (MIB + 'FILE_CONTENT:\n'.length))
  })
})

describe('many connections', () => {
  it('that are idle cost no memory of the gateway and do not slow a live one', async () => {
    await using stage = await makeTcpStage()
    const idle: TcpClient[] = []
    for (let count = 0; count < IDLE_CONNECTIONS; count += 1) {
      idle.push(await TcpClient.connect(stage.ports.chunks[count % 3]!))
    }
    await using live = await TcpClient.connect(stage.ports.chunks[0]!)
    expect(await live.ask('CREATE_FILE:a\n', 'FILE_CREATED\n')).toBe('FILE_CREATED\n')
    expect(stage.gateway.connectionsCount).toBe(IDLE_CONNECTIONS + 1)
    expect(stage.gateway.heldBytes).toBe(0)
    for (const client of idle)
      expect(await client.ask('\nREAD_FILE:b\n', 'FILE_NOT_FOUND\n')).toBe('FILE_NOT_FOUND\n')
    for (const client of idle) await client[Symbol.asyncDispose]()
  })

  it('beyond the limit are refused while all others are being served, and those stay', async () => {
    await using stage = await makeTcpStage({ connectionsMax: 2 })
    await using first = await TcpClient.connect(stage.ports.chunks[0]!)
    await using second = await TcpClient.connect(stage.ports.chunks[1]!)
    stage.store.isStuck = true
    for (const busy of [first, second]) busy.send('READ_FILE:b\n')
    await expect.poll(() => stage.store.calls).toBe(2)
    const third = await TcpClient.connect(stage.ports.master).then(
      async (client) => {
        await client.receiveAll()
        return client.ending
      },
      // Linux may tell of the reset while the client still connects.
      () => 'reset',
    )
    expect(third).toBe('reset')
    expect([first.ending, second.ending]).toEqual(['open', 'open'])
  })

  it('beyond the limit take the place of the one that has been idle longest', async () => {
    await using stage = await makeTcpStage({ connectionsMax: 2 })
    await using first = await TcpClient.connect(stage.ports.chunks[0]!)
    await using second = await TcpClient.connect(stage.ports.chunks[1]!)
    expect(await first.ask('READ_FILE:b\n', 'FILE_NOT_FOUND\n')).toBe('FILE_NOT_FOUND\n')
    await using third = await TcpClient.connect(stage.ports.chunks[2]!)
    expect(await third.ask('READ_FILE:b\n', 'FILE_NOT_FOUND\n')).toBe('FILE_NOT_FOUND\n')
    await second.receiveAll()
    expect(second.ending).toBe('reset')
    expect(await first.ask('READ_FILE:b\n', 'FILE_NOT_FOUND\n')).toBe('FILE_NOT_FOUND\n')
  })

  it('that together hold too much memory lose the message that asks for more, and nothing else', async () => {
    await using stage = await makeTcpStage({ memoryBytesMax: MIB })
    await using greedy = await TcpClient.connect(stage.ports.chunks[0]!)
    await using modest = await TcpClient.connect(stage.ports.chunks[0]!)
    await modest.ask('CREATE_FILE:a\n', 'FILE_CREATED\n')
    greedy.send(`\nWRITE_FILE:a:${'x'.repeat(700_000)}`)
    await untilHeld(stage.gateway, 1)
    expect(await modest.ask('READ_FILE:a\n', 'FILE_CONTENT:File created\n')).toBe(
      'FILE_CONTENT:File created\n',
    )
    expect(await greedy.ask('\nREAD_FILE:a\n', 'STORAGE_ERROR\nFILE_CONTENT:File created\n')).toBe(
      'STORAGE_ERROR\nFILE_CONTENT:File created\n',
    )
  })

  it('that write one file at the same moment never mix their content', async () => {
    await using stage = await makeTcpStage()
    const writers = await Promise.all(
      Array.from({ length: 8 }, () => TcpClient.connect(stage.ports.chunks[0]!)),
    )
    const contents = writers.map((_, index) => String(index).repeat(300_000))
    await writers[0]!.ask('CREATE_FILE:a\n', 'FILE_CREATED\n')
    const replies = writers.map((writer, index) =>
      writer.ask(`WRITE_FILE_LEN:a:300000\n${contents[index]}`, 'FILE_WRITTEN\n'),
    )
    expect(new Set(await Promise.all(replies))).toEqual(new Set(['FILE_WRITTEN\n']))
    expect(contents).toContain(Buffer.from(stage.store.files.get('/a')!).toString())
    for (const writer of writers) await writer[Symbol.asyncDispose]()
  })
})

/** Keeps the event loop of this process, and with it the gateway, from running. */
function blockFor(ms: number): void {
  const untilMs = performance.now() + ms
  while (performance.now() < untilMs);
}

/** Turns of the event loop until `isTrue`; the test's own time limit ends it otherwise. */
async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => void setImmediate(resolve))
}

const untilHeld = (gateway: { readonly heldBytes: number }, bytes: number): Promise<void> =>
  until(() => gateway.heldBytes >= bytes)
