/** The variable that tells the watcher where to leave what it saw. */
export const WATCHER_DIRECTORY = 'BENCH_LOOP_DELAY_DIRECTORY'
