/**
 * Whether the books balance: what contradicts something else in the metadata. Nothing is repaired here; a program that wrote
 * it has a bug that must be known.
 */
import { checkContents } from './books/contents.ts'
import { checkFiles } from './books/files.ts'
import { checkSpanning } from './books/spanning.ts'
import { checkTree } from './books/tree.ts'
import { checkVolumes } from './books/volumes.ts'
import { type Findings } from './findings.ts'
import { type MetadataDump, type Volume } from './metadata.ts'

/** `volumes` are all that the dump has. */
export function checkBooks(dump: MetadataDump, volumes: readonly Volume[], findings: Findings): void {
  checkContents(dump, volumes, findings)
  checkFiles(dump, findings)
  checkTree(dump, findings)
  checkVolumes(dump, volumes, findings)
  checkSpanning(dump, findings)
}
