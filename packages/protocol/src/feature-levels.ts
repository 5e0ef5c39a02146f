/**
 * Feature levels: how programs of different ages share one cluster. What servers write that an older program could not read
 * belongs to a level. A server says at its registration which level it reads; the master holds the lowest of all that ever
 * registered, and tells everybody. Only what belongs to that level is written. It never falls: the master writes it down
 * before it tells it, and from then on refuses programs that read less, since what is on the disks may be new to them.
 *
 * Every later format has a level of its own: a name in FEATURES with the next number.
 */

/** What an older program cannot read, by the level from which it is written. Level 1 is all there was before levels. */
export const FEATURES = Object.freeze({
  /** Records whose headers say what their primary had seen of the master. */
  recordWitness: 2,
})

/** The highest level that this program reads. */
export const FEATURE_LEVEL = Math.max(...Object.values(FEATURES))

/** Of a program that says nothing: levels came after it. */
export const FEATURE_LEVEL_UNSAID = 1
