/** Plays every transcript: with each ending, cut in every way, one by one and pipelined. */
import { describe, expect, it } from 'vitest'
import { canPipeline, pipelined, play, type PlayOptions, settingOf } from './support/player.ts'
import { readTranscripts, type Transcript } from './support/transcript.ts'

/** Longer steps are cut near their ends alone; what lies between is all alike. */
const CUT_EACH_BYTES_MAX = 64
const CUT_NEAR_ENDS = 8
/** Steps longer than this are not sent byte by byte. */
const BYTEWISE_BYTES_MAX = 10_000

const whole: PlayOptions['cut'] = (bytes) => [bytes]
const bytewise: PlayOptions['cut'] = (bytes) =>
  bytes.length > BYTEWISE_BYTES_MAX
    ? [bytes]
    : Array.from(bytes, (_, index) => bytes.subarray(index, index + 1))
const cutAt =
  (place: number): PlayOptions['cut'] =>
  (bytes) => [bytes.subarray(0, place), bytes.subarray(place)]

const transcripts = readTranscripts()

const endingsOf = ({ steps }: Transcript): string[] =>
  steps.some((step) => 'text' in step && step.text.includes('{end}')) ? ['', '\n', '\r\n'] : ['\n']

/** Where any of the steps may be cut in two. */
function placesOf(transcript: Transcript): number[] {
  const longest = Math.max(...transcript.steps.map((step) => (step.kind === 'send' ? step.text.length : 0)))
  if (longest <= CUT_EACH_BYTES_MAX) return Array.from({ length: longest }, (_, index) => index)
  return Array.from({ length: CUT_NEAR_ENDS }, (_, index) => [index + 1, -index - 1]).flat()
}

describe.each(transcripts)('$name', (transcript) => {
  it.each(endingsOf(transcript))('whole, ending %j', async (end) => {
    await expect(play(transcript, { end, cut: whole })).resolves.toBeUndefined()
  })

  // Silences that are exact to the millisecond depend on what the first packet holds.
  if (settingOf(transcript, 'timing') === 'exact') return

  it.each(endingsOf(transcript))('byte by byte, ending %j', async (end) => {
    await expect(play(transcript, { end, cut: bytewise })).resolves.toBeUndefined()
  })

  it('cut in two anywhere', async () => {
    const endings = endingsOf(transcript)
    for (const [index, place] of placesOf(transcript).entries()) {
      const end = endings[index % endings.length]!
      await expect(play(transcript, { end, cut: cutAt(place) }), `cut at ${place}`).resolves.toBeUndefined()
    }
  })

  it.runIf(canPipeline(transcript))('pipelined', async () => {
    for (const end of endingsOf(transcript).filter((ending) => ending !== '')) {
      for (const cut of [whole, bytewise]) {
        await expect(play(pipelined(transcript), { end, cut })).resolves.toBeUndefined()
      }
    }
  })
})

it('there is a transcript for each framing rule', () => {
  for (const rule of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) {
    expect(transcripts.some(({ name }) => name.startsWith(`framing-${rule}-`))).toBe(true)
  }
})
