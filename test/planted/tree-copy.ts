/** A copy of the working tree, in which bugs can be planted and taken out again while the tree itself stays as it is. */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type PlantedBug } from './planted-bug.ts'
import { whyNotPlantable } from './planted-bugs.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** What no test reads, and the store of packages from elsewhere, which is linked instead. */
const LEFT_OUT = new Set(['.git', '.data', 'data', 'coverage', join('node_modules', '.pnpm')])

export class TreeCopy {
  readonly root = mkdtempSync(join(tmpdir(), 'dfs-bugs-'))

  constructor() {
    const filter = (path: string): boolean =>
      !LEFT_OUT.has(relative(ROOT, path).split(sep, 2).join(sep)) && !LEFT_OUT.has(relative(ROOT, path))
    cpSync(ROOT, this.root, { recursive: true, verbatimSymlinks: true, filter })
    symlinkSync(join(ROOT, 'node_modules', '.pnpm'), join(this.root, 'node_modules', '.pnpm'))
  }

  /** Plants the bug while `work` runs. Throws where its old text is not there. */
  async with<T>(bug: PlantedBug, work: () => Promise<T>): Promise<T> {
    const path = join(this.root, bug.file)
    const text = readFileSync(path, 'utf8')
    const trouble = whyNotPlantable(bug, text)
    if (trouble !== null) throw new Error(trouble)
    writeFileSync(
      path,
      text.replace(bug.oldText, () => bug.newText),
    )
    try {
      return await work()
    } finally {
      writeFileSync(path, text)
    }
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true })
  }
}
