/** The table of commands, in the order in which help shows them. */
import { type Command } from './command.ts'
import { backup } from './commands/backup.ts'
import { fsck } from './commands/fsck.ts'
import { get } from './commands/get.ts'
import { line } from './commands/line.ts'
import { logs } from './commands/logs.ts'
import { ls } from './commands/ls.ts'
import { mkdir } from './commands/mkdir.ts'
import { mv } from './commands/mv.ts'
import { put } from './commands/put.ts'
import { recover } from './commands/recover.ts'
import { repairs } from './commands/repairs.ts'
import { rm } from './commands/rm.ts'
import { server } from './commands/server.ts'
import { stat } from './commands/stat.ts'
import { status } from './commands/status.ts'
import { why } from './commands/why.ts'
import { workers } from './commands/workers.ts'

export const COMMANDS: readonly Command[] = [
  put,
  get,
  ls,
  stat,
  mv,
  rm,
  mkdir,
  status,
  why,
  repairs,
  server,
  workers,
  logs,
  fsck,
  backup,
  recover,
  line,
]
