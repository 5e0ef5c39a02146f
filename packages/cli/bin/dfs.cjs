#!/usr/bin/env node
// The first thing that runs, perhaps on a Node that cannot read TypeScript: so it is plain JavaScript, and says what to do.
const NODE_MAJOR_MIN = 26
const major = Number(process.versions.node.split('.')[0])
if (major < NODE_MAJOR_MIN) {
  process.stderr.write(
    `dfs needs Node ${NODE_MAJOR_MIN} or later, and this is ${process.versions.node}: run "npm run bootstrap" in the checkout, which brings it, then "npx dfs" again.\n`,
  )
  process.exitCode = 1
} else {
  // Compiled code is kept between runs: commands start sooner.
  require('node:module').enableCompileCache()
  void import('../src/main.ts')
}
