/**
 * How the master brings this server a copy of the metadata, and whoever recovers gets it. A master that is older than one seen
 * before brings nothing; neither does a start with which this server has not registered yet, since only there a restored backup
 * shows (R6). What was appended counts as seen of the master: the next start finds it on the disk (R5).
 */
import { concatBytes, type Sum, TransportError } from '@dfs/core'
import { areTwoHistories, decodeFrames, type Frame } from '@dfs/metadata-copy'
import {
  appendMetadata,
  type AppendMetadataReply,
  type AppendMetadataRequest,
  checkEpoch,
  DfsError,
  type Epoch,
  forgetMetadataCopy,
  METADATA_BYTES_PER_CALL_MAX,
  readMetadataCopy,
  serveMethod,
  type ServedMethod,
  viewMetadataCopy,
} from '@dfs/protocol'
import { isNewer } from '@dfs/volume'
import { type ServerIdentity } from '../identity/identity.ts'
import { type MetadataCopies } from './metadata-copies.ts'

export interface MetadataCopyMethodDeps {
  readonly identity: ServerIdentity
  readonly copies: MetadataCopies
  readonly crc32: Sum
  /** Takes note of the master that speaks; throws TransportError if it does not count. */
  readonly requireCurrent: (epoch: Epoch) => Promise<void>
}

export function metadataCopyMethods(deps: MetadataCopyMethodDeps): ServedMethod[] {
  const { identity, copies } = deps
  return [
    serveMethod(appendMetadata, (request) => append(request, deps)),
    serveMethod(viewMetadataCopy, async () => ({
      clusterId: identity.clusterId,
      state: await copies.view(),
    })),
    serveMethod(readMetadataCopy, async ({ snapshot, from }) => ({
      frames: [await copies.read(snapshot, from)],
    })),
    serveMethod(forgetMetadataCopy, async ({ clusterId, epoch }) => {
      await requireMaster({ clusterId, epoch }, deps)
      await copies.forget(() => checkEpoch(identity.seenEpoch, epoch))
      return {}
    }),
  ]
}

async function append(
  request: AppendMetadataRequest,
  deps: MetadataCopyMethodDeps,
): Promise<AppendMetadataReply> {
  const { identity, copies, crc32 } = deps
  const { epoch } = request
  const frames = framesOf(request, crc32)
  await requireMaster(request, deps)
  const reply = await copies.append(frames, () => checkEpoch(identity.seenEpoch, epoch))
  const last = frames.at(-1)?.header.to
  // The frames of an earlier start say nothing that this one has not said.
  const isNews = last?.nonce === epoch.nonce && isNewer(last, identity.seenEpoch)
  if (!reply.isGap && isNews) await identity.observe(last)
  return reply
}

/** Whole frames of this cluster, of starts that the sender may know of. INVALID_REQUEST, WRONG_CLUSTER. */
function framesOf({ clusterId, epoch, frames }: AppendMetadataRequest, crc32: Sum): readonly Frame[] {
  const bytes = concatBytes(frames)
  if (bytes.byteLength > METADATA_BYTES_PER_CALL_MAX) {
    throw new DfsError('INVALID_REQUEST', `${bytes.byteLength} bytes of frames are too many for one call`)
  }
  const decoded = decodeFrames(bytes, crc32)
  if (decoded.end.kind !== 'whole') {
    throw new DfsError('INVALID_REQUEST', `the frames are ${decoded.end.kind} at byte ${decoded.end.at}`)
  }
  for (const { header } of decoded.frames) {
    if (header.clusterId !== clusterId) {
      throw new DfsError('WRONG_CLUSTER', `a frame is of cluster ${header.clusterId}`)
    }
    if (header.to.counter > epoch.counter || areTwoHistories(header.to, epoch)) {
      throw new DfsError(
        'INVALID_REQUEST',
        'a frame is of a start of the master that the sender does not know',
      )
    }
  }
  return decoded.frames
}

/** WRONG_CLUSTER; STALE_EPOCH if a newer start was seen; UNAVAILABLE if this one is not known yet. */
async function requireMaster(
  { clusterId, epoch }: Pick<AppendMetadataRequest, 'clusterId' | 'epoch'>,
  { identity, requireCurrent }: MetadataCopyMethodDeps,
): Promise<void> {
  if (identity.clusterId !== clusterId) {
    throw new DfsError('WRONG_CLUSTER', `this server is of cluster ${identity.clusterId}`)
  }
  try {
    await requireCurrent(epoch)
  } catch (error) {
    if (!(error instanceof TransportError)) throw error
    if (error.cause instanceof DfsError && error.cause.code === 'STALE_EPOCH') throw error.cause
    throw new DfsError('UNAVAILABLE', error.message, { cause: error })
  }
}
