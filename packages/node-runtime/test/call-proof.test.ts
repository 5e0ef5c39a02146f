import { describe, expect, it } from 'vitest'
import { CallProof } from '../src/calls/call-proof.ts'

const KEY = new Uint8Array(32).fill(7)

/** A caller and a peer that have said their first words; what follows is up to the test. */
function opened(callerKey = KEY, peerKey = KEY) {
  const [caller, peer] = [new CallProof(callerKey), new CallProof(peerKey)]
  const offer = caller.offer()
  const answer = peer.answer(offer.nonce)
  return { caller, peer, offer, answer }
}

describe('CallProof', () => {
  it('lets two processes with the same key convince each other, each time with other nonces', () => {
    const nonces = new Set<string>()
    for (let round = 0; round < 3; round += 1) {
      const { caller, peer, offer, answer } = opened()
      expect(peer.acceptOffer(offer.proof)).toBe(offer.nonce)
      expect(caller.acceptAnswer(offer.nonce, answer.proof)).toBe(answer.nonce)
      const confirmation = caller.confirm(offer.nonce, answer.nonce)
      expect(peer.isConfirmed(confirmation, offer.nonce, answer.nonce)).toBe(true)
      nonces.add(offer.nonce).add(answer.nonce)
    }
    expect(nonces.size).toBe(6)
  })

  it('is worth nothing under another key, in either direction', () => {
    const { caller, peer, offer, answer } = opened(KEY, new Uint8Array(32).fill(8))
    expect(peer.acceptOffer(offer.proof)).toBeNull()
    expect(caller.acceptAnswer(offer.nonce, answer.proof)).toBeNull()
    expect(peer.isConfirmed(caller.confirm(offer.nonce, answer.nonce), offer.nonce, answer.nonce)).toBe(false)
  })

  it('cannot be replayed: what was said on one connection confirms no other', () => {
    const recorded = opened()
    const confirmation = recorded.caller.confirm(recorded.offer.nonce, recorded.answer.nonce)
    // The same first word again; the peer's nonce is a new one.
    const again = recorded.peer.answer(recorded.offer.nonce)
    expect(recorded.peer.isConfirmed(confirmation, recorded.offer.nonce, again.nonce)).toBe(false)
    const other = recorded.caller.offer()
    expect(recorded.caller.acceptAnswer(other.nonce, recorded.answer.proof)).toBeNull()
  })

  it('takes no word for another', () => {
    const { caller, peer, offer, answer } = opened()
    expect(peer.acceptOffer(answer.proof)).toBeNull()
    expect(caller.acceptAnswer(offer.nonce, offer.proof)).toBeNull()
    const [, offerMac = ''] = offer.proof.split('.')
    const [, answerMac = ''] = answer.proof.split('.')
    for (const mac of [offerMac, answerMac, '']) {
      expect(peer.isConfirmed(mac, offer.nonce, answer.nonce)).toBe(false)
    }
  })

  it('refuses a changed nonce or MAC, and whatever else may stand there', () => {
    const { peer, offer } = opened()
    const [nonce, mac] = offer.proof.split('.')
    const forged = [
      undefined,
      '',
      '.',
      `${nonce}.`,
      `${nonce}x.${mac}`,
      `${nonce}.${mac!.slice(1)}`,
      `${nonce}.A${mac}`,
      `${offer.proof}.more`,
    ]
    expect(forged.filter((proof) => peer.acceptOffer(proof) !== null)).toEqual([])
  })

  it('takes no short key', () => {
    expect(() => new CallProof(new Uint8Array(16))).toThrow('32 bytes')
  })
})
