/** All bugs that the tests must find. */
import { COPIES_BUGS } from './copies-bugs.ts'
import { COPYING_BUGS } from './copying-bugs.ts'
import { HEALING_BUGS } from './healing-bugs.ts'
import { DELETION_BUGS } from './deletion-bugs.ts'
import { DROP_BUGS } from './drop-bugs.ts'
import { HEALTH_BUGS } from './health-bugs.ts'
import { MASTER_BUGS } from './master-bugs.ts'
import { MEMBERSHIP_BUGS } from './membership-bugs.ts'
import { METADATA_COPY_BUGS } from './metadata-copy-bugs.ts'
import { type PlantedBug } from './planted-bug.ts'
import { READING_BUGS } from './reading-bugs.ts'
import { RECOVERY_BUGS } from './recovery-bugs.ts'
import { REPLICATION_BUGS } from './replication-bugs.ts'
import { SOURCE_BUGS } from './source-bugs.ts'
import { SHIPPING_BUGS } from './shipping-bugs.ts'
import { STORAGE_BUGS } from './storage-bugs.ts'

export const PLANTED_BUGS: readonly PlantedBug[] = [
  ...SOURCE_BUGS,
  ...STORAGE_BUGS,
  ...REPLICATION_BUGS,
  ...MASTER_BUGS,
  ...COPIES_BUGS,
  ...HEALING_BUGS,
  ...MEMBERSHIP_BUGS,
  ...READING_BUGS,
  ...DROP_BUGS,
  ...COPYING_BUGS,
  ...HEALTH_BUGS,
  ...DELETION_BUGS,
  ...SHIPPING_BUGS,
  ...METADATA_COPY_BUGS,
  ...RECOVERY_BUGS,
]

/** Why the edit cannot be made in `text`, the present content of its file; null where it can. */
export function whyNotPlantable({ file, name, oldText, newText }: PlantedBug, text: string): string | null {
  const found = text.split(oldText).length - 1
  if (found !== 1) return `"${name}": its old text occurs ${found} times in ${file}`
  return oldText === newText ? `"${name}" changes nothing` : null
}
