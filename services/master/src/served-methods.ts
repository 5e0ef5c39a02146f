/** What the master answers to other nodes: each method with the part that answers it. */
import {
  allocateVolumes,
  checkCopies,
  type CommitReply,
  type CommitRequest,
  commits,
  confirmRecovery,
  explainFile,
  findCopies,
  heartbeat,
  listDirectory,
  listRepairs,
  listWeakFiles,
  lookups,
  register,
  removeServer,
  reportCopies,
  reportDamage,
  sealVolume,
  type ServedMethod,
  serveMethod,
  viewCluster,
  viewHealth,
  viewRecovery,
  type WeakFiles,
  type WeakFilesRequest,
} from '@dfs/protocol'
import { reporting } from './metadata/groups.ts'
import { confirmHistory, viewHistory } from './servers/recovery-report.ts'
import { listRepairs as repairsIn } from './servers/repair-list.ts'
import { type Parts } from './parts.ts'
import { weakFilesIn } from './servers/weak-files.ts'

export function servedMethods({
  store,
  sessions,
  time,
  groups,
  membership,
  allocation,
  damages,
  checks,
  jobs,
  backup,
  health,
  removal,
  failure,
  shipping,
}: Parts): ServedMethod[] {
  const guarded =
    <Q, P>(answer: (request: Q) => Promise<P>) =>
    (request: Q): Promise<P> =>
      reporting(failure.report, () => answer(request))
  const current = <Q, P>(answer: (request: Q) => Promise<P>): ((request: Q) => Promise<P>) =>
    guarded(async (request) => {
      backup.requireNone()
      return await answer(request)
    })
  /** For what was read of the metadata: it leaves when copies have all that it may rest on. */
  const read = <Q, P>(answer: (request: Q) => Promise<P>): ((request: Q) => Promise<P>) =>
    current(async (request) => {
      const reply = await answer(request)
      await shipping.passed(store.epoch().sequence)
      return reply
    })
  const commit = async (request: CommitRequest): Promise<CommitReply> => {
    backup.requireNone()
    const results = await groups.commit(request)
    return { epoch: store.epoch(), results }
  }
  const found = (request: WeakFilesRequest): Promise<WeakFiles> => weakFilesIn({ health, removal }, request)
  // What only one server has is asked when the others are gone, those with copies of the metadata as well.
  const weakFiles = (request: WeakFilesRequest): Promise<WeakFiles> =>
    (request.state === 'only-on' ? current(found) : read(found))(request)
  return [
    serveMethod(
      reportCopies,
      guarded(async (page) => ({ staged: await membership.stage(page) })),
    ),
    serveMethod(
      register,
      guarded((request) => membership.register(request)),
    ),
    serveMethod(
      heartbeat,
      guarded((request) => membership.heartbeat(request)),
    ),
    serveMethod(
      viewCluster,
      guarded(() => membership.viewCluster()),
    ),
    serveMethod(
      viewHealth,
      guarded(() => health.look()),
    ),
    serveMethod(
      explainFile,
      read((request) => health.explain(request)),
    ),
    serveMethod(listWeakFiles, weakFiles),
    serveMethod(
      allocateVolumes,
      current(async (request) => {
        const volumes = await allocation.allocate(request)
        return { epoch: store.epoch(), volumes, servers: sessions.view() }
      }),
    ),
    serveMethod(
      sealVolume,
      current(async ({ volume, reason }) => {
        const sealedLengthBytes = await allocation.seal(volume, reason)
        return { epoch: store.epoch(), sealedLengthBytes }
      }),
    ),
    serveMethod(
      checkCopies,
      guarded(async ({ start }) => ({ check: start ? checks.start() : checks.view() })),
    ),
    serveMethod(
      reportDamage,
      guarded(async (report) => {
        await damages.report(report)
        return {}
      }),
    ),
    serveMethod(
      findCopies,
      current(async ({ volume }) => {
        const { sealedLengthBytes, copies } = await store.copiesOf(volume)
        return { epoch: store.epoch(), sealedLengthBytes, copies: [...copies] }
      }),
    ),
    serveMethod(
      listRepairs,
      current((request) => repairsIn({ store, sessions, jobs }, request)),
    ),
    serveMethod(
      removeServer,
      current((request) => removal.remove(request)),
    ),
    serveMethod(
      viewRecovery,
      current((request) => viewHistory(store, request)),
    ),
    serveMethod(
      confirmRecovery,
      current(() => confirmHistory(store, time.now().wallMs)),
    ),
    serveMethod(commits, commit),
    serveMethod(lookups, async (requests) => {
      backup.requireNone()
      const results = await groups.lookup(requests)
      return { epoch: store.epoch(), results }
    }),
    serveMethod(
      listDirectory,
      read(async (request) => {
        const page = await store.list(request)
        return { epoch: store.epoch(), ...page }
      }),
    ),
  ]
}
