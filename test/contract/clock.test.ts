import { clockContract } from './clock.contract.ts'
import { WORLDS } from './worlds.ts'

for (const kind of WORLDS) clockContract(kind)
