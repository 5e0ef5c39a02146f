/**
 * Preloaded into every service that the launcher starts (`--import`). When the launcher is gone, however it died, the
 * channel to it closes and the service shuts down as it does on SIGTERM; nothing may stay behind and hold ports and data.
 */
const SHUTDOWN_WITHIN_MS = 15_000

function end(): void {
  setTimeout(() => process.exit(1), SHUTDOWN_WITHIN_MS).unref()
  // Emitted rather than sent: the same on systems where a signal to oneself ends the process at once.
  if (!process.emit('SIGTERM', 'SIGTERM')) process.exit(143)
}

process.once('disconnect', end)
// The channel alone does not keep the service running, and a service that has finished may end.
process.channel?.unref()
