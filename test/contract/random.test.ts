import { randomContract } from './random.contract.ts'
import { WORLDS } from './worlds.ts'

for (const kind of WORLDS) randomContract(kind)
