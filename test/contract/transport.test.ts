import { streamsContract } from './streams.contract.ts'
import { transportContract } from './transport.contract.ts'
import { WORLDS } from './worlds.ts'

for (const kind of WORLDS) {
  transportContract(kind)
  streamsContract(kind)
}
