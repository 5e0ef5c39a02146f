/** The launcher with stub services in the place of the real ones. */
import { fileURLToPath } from 'node:url'
import { runLauncher } from '../../../scripts/cluster/launcher.ts'

// Inherited by the services; the gateway has no directory by its settings, but the stubs all have one.
process.env['STUB_DIRECTORY'] = process.argv[process.argv.indexOf('--data') + 1]

const stub = fileURLToPath(new URL('./stub-service.ts', import.meta.url))

process.exit(await runLauncher(process.argv.slice(2), { master: stub, 'chunk-server': stub, gateway: stub }))
