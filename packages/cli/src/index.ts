export { reference } from './help.ts'
export { runProgram, type ProgramOptions } from './program.ts'
