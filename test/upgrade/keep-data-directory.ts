/**
 * Makes a data directory with the program of a commit, ends that program in the middle of its life, and keeps the directory
 * for the tests:
 *
 *   node test/upgrade/keep-data-directory.ts COMMIT NAME
 *
 * To be done for the last commit before a format on the disk changes; NAME says what is in it.
 */
import { keepDirectory } from './data-directory.ts'
import { earlierPrograms } from './earlier-program.ts'
import { writeContent } from './known-content.ts'
import { MixedCluster } from './mixed-cluster.ts'

const [commit, name] = process.argv.slice(2)
if (commit === undefined || name === undefined) {
  console.error('usage: keep-data-directory.ts COMMIT NAME')
  process.exit(2)
}
const cluster = await MixedCluster.start(await earlierPrograms(commit))
try {
  await writeContent(cluster.serverUrls[0]!)
  await cluster.kill()
  keepDirectory(cluster.dataDirectory, name)
} finally {
  await cluster.end()
}
