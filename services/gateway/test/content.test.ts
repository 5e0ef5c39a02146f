/** Whatever is written comes back, whichever forms of the messages write and read it. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { closeStage, makeStage } from './support/player.ts'

it('any bytes come through the forms for any bytes', async () => {
  const stage = await makeStage()
  const client = stage.network.connect(stage.ports.chunks[0]!)
  stage.store.pieceBytes = 7
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.boolean(), async (content, isLength) => {
      stage.store.files.set('/a', new Uint8Array())
      const base64 = content.toBase64()
      if (isLength) client.send(Buffer.concat([Buffer.from(`WRITE_FILE_LEN:a:${content.length}\n`), content]))
      else client.send(Buffer.from(`WRITE_FILE_B64:a:${base64}\n`))
      client.send(Buffer.from('READ_FILE_B64:a\nREAD_FILE_LEN:a\r\n'))
      await stage.clock.settle()
      await stage.clock.settle()
      const replies = `FILE_WRITTEN\nFILE_CONTENT_B64:${base64}\nFILE_CONTENT_LEN:${content.length}\n`
      const expected = Buffer.concat([Buffer.from(replies), content, Buffer.from('\r\n')])
      expect(Buffer.from(client.take()).toString('latin1')).toBe(expected.toString('latin1'))
    }),
  )
  await closeStage(stage)
})

it('any text without LF comes through the plain form', async () => {
  const stage = await makeStage()
  const client = stage.network.connect(stage.ports.chunks[0]!)
  const text = fc.string({ unit: 'binary' }).filter((each) => each.isWellFormed() && !/\n|\r$/.test(each))
  await fc.assert(
    fc.asyncProperty(text, async (content) => {
      stage.store.files.set('/a', new Uint8Array())
      client.send(Buffer.from(`WRITE_FILE:a:${content}\nREAD_FILE:a\n`))
      await stage.clock.settle()
      expect(Buffer.from(client.take()).toString()).toBe(`FILE_WRITTEN\nFILE_CONTENT:${content}\n`)
    }),
  )
  await closeStage(stage)
})
