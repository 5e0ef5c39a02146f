/** Starts one of the baselines and stops it. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Subject } from './measure/subject.ts'

export interface BaselineProcess {
  readonly subject: Subject
  readonly stop: () => Promise<void>
}

/** `program` is a file of ./baselines; `argument` is its file or its size. */
export async function startBaseline(
  name: string,
  program: string,
  argument: string,
): Promise<BaselineProcess> {
  const path = fileURLToPath(new URL(`./baselines/${program}.ts`, import.meta.url))
  const child = fork(path, [argument])
  const [message]: { port: number }[] = await once(child, 'message')
  const target = { host: '127.0.0.1', port: message!.port }
  const pids = new Map([['server', child.pid!]])
  return {
    subject: { name, targets: [target], pids: () => pids },
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    },
  }
}
