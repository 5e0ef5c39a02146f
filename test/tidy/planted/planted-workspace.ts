/** A small workspace of the same shape as this one, made to be wrong in one place, for the proof that a rule notices. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const REPOSITORY = fileURLToPath(new URL('../../../', import.meta.url))

export interface CheckResult {
  readonly exitCode: number | null
  readonly output: string
}

export class PlantedWorkspace {
  readonly root = mkdtempSync(join(tmpdir(), 'dfs-planted-'))

  constructor() {
    symlinkSync(join(REPOSITORY, 'node_modules'), join(this.root, 'node_modules'))
    this.write('package.json', '{"type":"module"}')
  }

  /** `path` is `packages/<name>/…` or `services/<name>/…`; the package around it is made too, importing `imports`. */
  plant(path: string, source: string, imports: readonly string[] = []): void {
    const home = path.split('/').slice(0, 2).join('/')
    const dependencies = Object.fromEntries(
      imports.map((name) => [`@dfs/${name.split('/')[1]}`, 'workspace:*']),
    )
    this.#package(home, dependencies)
    for (const target of imports) {
      this.#package(target, {})
      const link = join(this.root, home, 'node_modules/@dfs', target.split('/')[1]!)
      mkdirSync(dirname(link), { recursive: true })
      symlinkSync(join(this.root, target), link)
    }
    this.write(path, source)
  }

  checkImports(): CheckResult {
    return run(process.execPath, [join(REPOSITORY, 'scripts/check-imports.ts'), this.root], REPOSITORY)
  }

  lint(): CheckResult {
    // The configuration's paths count from where it lies.
    copyFileSync(join(REPOSITORY, '.oxlintrc.json'), join(this.root, '.oxlintrc.json'))
    const present = ['packages', 'services', 'scripts'].filter((name) => existsSync(join(this.root, name)))
    return run(join(REPOSITORY, 'node_modules/.bin/oxlint'), ['--format', 'unix', ...present], this.root)
  }

  write(path: string, content: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true })
    writeFileSync(join(this.root, path), content)
  }

  remove(): void {
    rmSync(this.root, { recursive: true })
  }

  #package(home: string, dependencies: Record<string, string>): void {
    const name = `@dfs/${home.split('/')[1]}`
    this.write(
      `${home}/package.json`,
      JSON.stringify({ name, type: 'module', exports: { '.': './src/index.ts' }, dependencies }),
    )
    this.write(`${home}/src/index.ts`, 'export const something = 1\n')
    this.write(`${home}/src/inner.ts`, 'export const inner = 1\n')
  }
}

function run(program: string, argv: readonly string[], directory: string): CheckResult {
  const result = spawnSync(program, argv, { cwd: directory, encoding: 'utf8' })
  if (result.error !== undefined) throw result.error
  return { exitCode: result.status, output: `${result.stdout}${result.stderr}` }
}
