/**
 * Text of somebody else, a name above all, as it may be shown to people. What a terminal acts on, what turns the direction of
 * writing, and what has no shape of its own is shown as its number: `evil<U+202E>gpj.exe` would be read as `evilexe.jpg`,
 * and two names that differ by a zero-width space as one. What is shown is for the eye; the exact name is in the JSON.
 *
 * Blank characters with a width stay, since they are seen; so do those that no script uses yet, which show as a box.
 */

/** Controls, format characters (those of direction among them), separators of lines, halves of pairs, and what is invisible by default. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu
/** The same without the ASCII controls, which a line of JSON has escaped already and with which a log sets its colours. */
const UNSEEN_BEYOND_ASCII = /(?![\0-\x7f])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu

/** `\x1b` for controls, `\u{202e}` for the others. */
export const printable = (text: string): string => text.replaceAll(UNSEEN, shown)

/** For a line that may hold colours. */
export const printableLine = (line: string): string => line.replaceAll(UNSEEN_BEYOND_ASCII, shown)

/** JSON with the same value, in which all of these stand as JSON's own escapes. */
export const printableJson = (json: string): string => json.replaceAll(UNSEEN_BEYOND_ASCII, jsonEscapes)

function shown(character: string): string {
  const code = character.codePointAt(0)!.toString(16)
  return code.length <= 2 ? `\\x${code.padStart(2, '0')}` : `\\u{${code}}`
}

const jsonEscapes = (character: string): string =>
  Array.from({ length: character.length }, (_, at) => {
    return `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`
  }).join('')
