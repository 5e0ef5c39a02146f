import { diskContract } from './disk.contract.ts'
import { WORLDS } from './worlds.ts'

for (const kind of WORLDS) diskContract(kind)
