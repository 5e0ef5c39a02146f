/**
 * Runs the import rules of .dependency-cruiser.mjs: silent when all hold, one line for each violation otherwise.
 *
 * It also fails when the cruiser has read fewer files than there are. With a TypeScript that it cannot use it reads none
 * and reports success, which is why its own command is not enough.
 *
 *   node scripts/check-imports.ts [ROOT]
 */
import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { cruise, type ICruiseOptions, type IFlattenedRuleSet, type IViolation } from 'dependency-cruiser'

const ROOTS = ['packages', 'services', 'test', 'scripts', 'bench']

const root = resolve(process.argv[2] ?? '.')
const present = ROOTS.filter((name) => readdirSync(root).includes(name))
const { options, ...ruleSet } = await configuration()
const { output } = await cruise(present, { ...options, baseDir: root, validate: true, ruleSet })
if (typeof output === 'string') throw new Error('the cruiser answered with text instead of a result')

const fileCount = present.flatMap((name) => sourcesBelow(join(root, name))).length
const readCount = output.modules.filter((module) =>
  /^(packages|services|test|scripts|bench)\//.test(module.source),
).length
const complaints = output.summary.violations.map(describe)
if (fileCount === 0 || readCount < fileCount) {
  complaints.push(`only ${readCount} of ${fileCount} files were read: the import rules were not checked`)
}
for (const complaint of complaints) process.stderr.write(`${complaint}\n`)
process.exitCode = complaints.length === 0 ? 0 : 1

interface Configuration extends IFlattenedRuleSet {
  readonly options: ICruiseOptions
}

async function configuration(): Promise<Configuration> {
  const module: { default: Configuration } = await import(
    new URL('../.dependency-cruiser.mjs', import.meta.url).href
  )
  return module.default
}

function describe(violation: IViolation): string {
  const target = violation.cycle?.map((step) => step.name).join(' -> ') ?? violation.to
  return `${violation.from} -> ${target}: ${violation.rule.name}`
}

function sourcesBelow(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    if (['node_modules', 'dist', 'coverage'].includes(entry.name)) return []
    if (entry.isDirectory()) return sourcesBelow(join(directory, entry.name))
    return entry.name.endsWith('.ts') ? [entry.name] : []
  })
}
