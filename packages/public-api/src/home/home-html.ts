/**
 * The page at `/` as text: one file without scripts, pictures or anything from elsewhere, readable in light and in dark, and by
 * a screen reader. What others have chosen (names of servers, reasons) is escaped here and nowhere else. Pure.
 */
import { formatBytes, formatCount, printable } from '@dfs/core'
import { type ClusterView, type HealthReason, type HealthView, type ServerInfo } from '@dfs/protocol'
import { type StateSentence } from './state-sentence.ts'

export interface Home {
  readonly state: StateSentence
  /** Null if it could not be read. */
  readonly cluster: ClusterView | null
  /** Null if nobody knows. */
  readonly health: HealthView | null
  /** Where this page is, `http://host:port`. */
  readonly origin: string
  /** When this was known, in milliseconds since 1970. */
  readonly atMs: number
}

export const STYLE = `
:root { color-scheme: light dark; --good: light-dark(#17692c, #6fd08c); --warning: light-dark(#8a4b00, #ffb454); --bad: light-dark(#b3161b, #ff8080); --line: light-dark(#d0d4da, #3c4149); --soft: light-dark(#596170, #a3abb8) }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; background: light-dark(#fff, #16181c); color: light-dark(#1c1f24, #e6e8eb) }
h1 { font-size: 1.1rem; margin: 0; color: var(--soft); font-weight: 600 }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem }
.state { font-size: 1.35rem; margin: .25rem 0 1rem; overflow-wrap: anywhere }
.good { color: var(--good) } .warning { color: var(--warning) } .bad { color: var(--bad) }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere }
th { font-weight: 600; color: var(--soft) }
a { color: light-dark(#0b57d0, #8ab4f8) }
code, pre { font: .9em ui-monospace, monospace }
pre { overflow-x: auto; padding: .75rem; border: 1px solid var(--line); border-radius: .25rem }
footer { margin-top: 2rem; color: var(--soft); font-size: .9rem }
`

/** A sign beside the colour, for those who do not see it. */
const SIGNS = { good: '●', warning: '▲', bad: '✗' } as const
const TONES = { alive: 'good', suspect: 'warning', dead: 'bad' } as const

export function homeHtml({ state, cluster, health, origin, atMs }: Home): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${SIGNS[state.tone]} DFS</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>Distributed file system</h1>
<p class="state">${marked(state.tone, state.text)}</p>
</header>
<main>
${health === null ? '' : healthHtml(health)}
${cluster === null ? '' : clusterHtml(cluster)}
<h2>Use it</h2>
<pre>curl -T FILE ${escaped(origin)}/v1/files/FILE
curl -L ${escaped(origin)}/v1/files/FILE
DFS_URL=${escaped(origin)} npx dfs status</pre>
<ul>
<li><a href="/docs">The API, to be tried out</a> (Swagger UI), and its <a href="/openapi.json">document</a></li>
<li><a href="/v1/health">The health</a>, <a href="/v1/cluster">the state of the cluster</a> and <a href="/v1/workers">the background work</a> as JSON</li>
<li><a href="/metrics">Numbers for Prometheus</a>, and <a href="/readyz">whether this service is ready</a></li>
<li>Beside the program: <code>README.md</code>, <code>docs/cli.md</code>, <code>docs/monitoring/README.md</code>; what to do when something is wrong: <code>docs/operating.md</code></li>
</ul>
</main>
<footer>As of <time>${new Date(atMs).toISOString().slice(0, 19)}Z</time>. <a href="/">Look again</a></footer>
</body>
</html>
`
}

/** What is missing, why, and what to do: nothing if all is well. */
function healthHtml({ reasons }: HealthView): string {
  if (reasons.length === 0) return ''
  return `<h2>What is missing</h2>
<ul>
${reasons.map(reasonHtml).join('\n')}
</ul>`
}

function reasonHtml({ code, state, text, sinceMs, next }: HealthReason): string {
  const since = sinceMs === null ? '' : `, since ${new Date(sinceMs).toISOString().slice(0, 19)}Z`
  const tone = state === 'unavailable' ? 'bad' : 'warning'
  return `<li>${marked(tone, `${text}${since}`)} (<code>${escaped(code)}</code>). ${escaped(next)}</li>`
}

function clusterHtml({ servers, settings, totals }: ClusterView): string {
  const { files, directories, links, fileBytes, volumesOpen, volumesSealed } = totals
  const byName = servers.toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
  return `<p>${formatCount(files, 'file')} with ${formatBytes(fileBytes)} in ${formatCount(directories, 'directory', 'directories')}, ${formatCount(links, 'link')}.
${settings.replicas} copies of each file, ${settings.minReplicas} needed to accept a write; ${formatCount(volumesOpen, 'volume')} open, ${volumesSealed} sealed.</p>
<h2>Chunk servers</h2>
<table>
<thead><tr><th scope="col">Name</th><th scope="col">Zone</th><th scope="col">State</th><th scope="col">Room</th><th scope="col">Damage</th></tr></thead>
<tbody>
${byName.map(serverHtml).join('\n')}
</tbody>
</table>`
}

function serverHtml(server: ServerInfo): string {
  const { name, zone, liveness, damagedRanges, repairedRecords } = server
  const state = stateOf(server)
  const damage = damagedRanges === 0 ? 'none found' : `${damagedRanges} found, ${repairedRecords} mended`
  return `<tr><th scope="row">${escaped(name)}</th><td>${escaped(zone)}</td><td>${marked(TONES[liveness], state)}</td><td>${roomOf(server)}</td><td>${damage}</td></tr>`
}

function stateOf({ mode, liveness, silentForMs }: ServerInfo): string {
  if (mode === 'removed') return 'removed'
  return liveness === 'alive' ? liveness : `${liveness}, silent for ${Math.round(silentForMs / 1000)} s`
}

function roomOf({ freeBytes, totalBytes, isFull }: ServerInfo): string {
  if (totalBytes === 0) return 'not known'
  const room = `${formatBytes(freeBytes)} free of ${formatBytes(totalBytes)}`
  return isFull ? `${marked('bad', 'full')}: ${room}` : room
}

const marked = (tone: StateSentence['tone'], text: string): string =>
  `<span class="${tone}">${SIGNS[tone]} ${escaped(text)}</span>`

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

const escaped = (text: string): string => printable(text).replaceAll(/[&<>"']/g, (sign) => ENTITIES[sign]!)
