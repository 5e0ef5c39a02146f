/** Entry of `npm start`; scripts/cluster/launcher.ts says what it does. */
import { runLauncher } from './cluster/launcher.ts'
import { SERVICE_PROGRAMS } from './cluster/programs.ts'

process.exit(await runLauncher(process.argv.slice(2), SERVICE_PROGRAMS))
