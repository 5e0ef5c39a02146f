/**
 * Feature levels: how programs of different ages share one cluster. What servers write that an older program could not read
 * belongs to a level. A server says at its registration which level it reads; the master holds the lowest of all that ever
 * registered, and tells everybody. Only what belongs to that level is written. It never falls: the master writes it down
 * before it tells it, and from then on refuses programs that read less, since what is on the disks may be new to them.
 *
 * Some messages are new to an older program too, and nothing on a disk follows from them. They take a number of the same
 * count, but a server is told them as soon as it says itself that it knows them, whatever the others are; the level in use
 * does not rise for them, and no older program is refused because of them.
 *
 * Every later format or message has a level of its own, or one with others of its release: a name in FEATURES or in MESSAGES
 * with the next number.
 */

/** What an older program cannot read on a disk, by the level from which it is written. Level 1 is all there was before levels. */
export const FEATURES = Object.freeze({
  /** Records whose headers say what their primary had seen of the master. */
  recordWitness: 2,
})

/** What an older program does not understand when it is told, by the level from which a server does. */
export const MESSAGES = Object.freeze({
  /** The order to remove a copy, and `dropped` in the next heartbeat. */
  dropOrder: 3,
  /** The order to make a copy of a sealed volume, and `jobs` in the heartbeats: of the same release. */
  copyOrder: 3,
  /** Copies of the metadata (nodes/metadata-copies.ts). */
  metadataCopies: 4,
})

/** The highest level that this program reads and understands. */
export const FEATURE_LEVEL = Math.max(...Object.values(FEATURES), ...Object.values(MESSAGES))

/** The highest that this program puts in use: what is written from there on is new to older ones. */
export const FORMAT_LEVEL = Math.max(...Object.values(FEATURES))

/** Of a program that says nothing: levels came after it. */
export const FEATURE_LEVEL_UNSAID = 1
