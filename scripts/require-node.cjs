/*
 * Says in one line which Node is needed, before anything else can fail in a stranger way. Written in the oldest
 * JavaScript there is, because it must run on the Node that is too old.
 *
 *   node scripts/require-node.cjs                 before the installation: any Node that can run npm and pnpm
 *   node --require ./scripts/require-node.cjs X   before X, a TypeScript program that Node runs from its source
 */
var BOOTSTRAP_MAJOR = 20
var RUN_MAJOR = 26

var isPreload = require.main !== module
var needed = isPreload ? RUN_MAJOR : BOOTSTRAP_MAJOR
var major = Number(process.versions.node.split('.')[0])

if (!(major >= needed)) {
  console.error(
    isPreload
      ? 'This is Node ' +
          process.versions.node +
          ', and the services need Node ' +
          RUN_MAJOR +
          ' or newer: start them with npm (npm start), which uses the Node that npm run bootstrap installs here; ' +
          'if it has none for your platform, install Node ' +
          RUN_MAJOR +
          ' from https://nodejs.org.'
      : 'This is Node ' +
          process.versions.node +
          ', and the installation needs Node ' +
          BOOTSTRAP_MAJOR +
          ' or newer: install a current one from https://nodejs.org and try again.',
  )
  process.exit(1)
}
