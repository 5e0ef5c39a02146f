import { transportContract } from './transport.contract.ts'
import { WORLDS } from './worlds.ts'

for (const kind of WORLDS) transportContract(kind)
