/** CPU time and memory of other processes, as Linux counts them under /proc. */
import { readFileSync } from 'node:fs'

/** What the kernel's clock ticks are, on every Linux there is for the architectures Node runs on. */
const TICK_US = 10_000

/** User and system time so far, in microseconds, in steps of 10 ms. Zero for a process that has ended. */
export function cpuUs(pid: number): number {
  return parseCpuUs(contentOf(`/proc/${pid}/stat`))
}

/** The largest resident size so far, in bytes. Zero for a process that has ended. */
export function residentMaxBytes(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(contentOf(`/proc/${pid}/status`))?.[1] ?? 0) * 1024
}

/** The process's name, in parentheses, may hold blanks and parentheses itself: the fields count from the last one. */
export function parseCpuUs(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * TICK_US
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error) return ''
    throw error
  }
}
