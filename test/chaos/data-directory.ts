/** The one place that looks at the data directory of a cluster that has stopped. */
import { readdirSync } from 'node:fs'

/** Throws where the directory of a stopped cluster is not what it must be. */
export async function requireSoundData(dataDirectory: string): Promise<void> {
  if (!readdirSync(dataDirectory).includes('master')) throw new Error(`no master in ${dataDirectory}`)
}
