#!/usr/bin/env node
/**
 * Makes the cluster key if it is missing, and checks it if it is not. For deployments in which the nodes may only
 * read the key: a one-shot of docker-compose.yml runs this before any of them starts.
 */
import { ClusterKeyError, ensureClusterKey, NodeRandom } from '@dfs/node-runtime'

const [path] = process.argv.slice(2)
if (path === undefined) {
  console.error('usage: make-cluster-key FILE')
  process.exit(2)
}
try {
  await ensureClusterKey(path, new NodeRandom())
  console.log(`the cluster key is ${path}`)
} catch (error) {
  if (!(error instanceof ClusterKeyError)) throw error
  console.error(error.message)
  process.exit(1)
}
