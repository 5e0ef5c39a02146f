/** The launcher with stub services in the place of the real ones. */
import { fileURLToPath } from 'node:url'
import { runLauncher } from '../../../scripts/cluster/launcher.ts'

const stub = fileURLToPath(new URL('./stub-service.ts', import.meta.url))

process.exit(await runLauncher(process.argv.slice(2), { master: stub, 'chunk-server': stub, gateway: stub }))
