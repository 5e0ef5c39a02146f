/**
 * The health check inside a container: exit code 0 when the service on DFS_PORT says that it is ready. Plain CommonJS
 * and node:http, because it runs every few seconds in every container: types to strip, or fetch, would double its cost.
 */
const { get } = require('node:http')

const ANSWER_WITHIN_MS = 2500

const request = get(
  { host: '127.0.0.1', port: process.env.DFS_PORT, path: '/readyz', timeout: ANSWER_WITHIN_MS },
  (response) => {
    process.exitCode = response.statusCode === 200 ? 0 : 1
    // What is printed is kept by the engine: `docker inspect` shows why a container is not healthy.
    response.pipe(process.stdout)
  },
)
request.on('timeout', () => request.destroy(new Error(`no answer within ${ANSWER_WITHIN_MS} ms`)))
request.on('error', (error) => {
  console.error(error.message)
  process.exitCode = 1
})
