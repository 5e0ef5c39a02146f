/** Files and their versions: each file has its current one, in its size, and each version has a file, present or deleted. */
import { Cursor } from '../cursor.ts'
import { type Findings } from '../findings.ts'
import { type MetadataDump } from '../metadata.ts'
import { ruleOf } from './rule.ts'

export function checkFiles(dump: MetadataDump, findings: Findings): void {
  checkCurrent(dump, findings)
  checkOwners(dump, findings)
}

function checkCurrent(dump: MetadataDump, findings: Findings): void {
  const [missing, differs] = [ruleOf(findings, 'version-missing'), ruleOf(findings, 'size-differs')]
  using versions = new Cursor(dump.versions())
  for (const { name, id, version, size } of dump.files()) {
    const where = `${name} (file ${id})`
    const current = versions.find((each) => each.file - id || each.id - version)
    if (current === undefined) missing(where, `its version ${version} is not there`)
    else if (current.size !== size) {
      differs(where, `${size} bytes in its directory, ${current.size} in its version`)
    }
  }
}

function checkOwners(dump: MetadataDump, findings: Findings): void {
  const rule = ruleOf(findings, 'version-without-file')
  using present = new Cursor(dump.files())
  using deleted = new Cursor(filesIn(dump.trash()))
  let [last, count] = [0, 0]
  for (const { file } of dump.versions()) {
    count += 1
    if (file === last) continue
    last = file
    const owner = present.find(({ id }) => id - file) ?? deleted.find(({ id }) => id - file)
    if (owner === undefined) rule(`file ${file}`, 'neither a directory nor the trash has it')
  }
  findings.checked({ versions: count })
}

function* filesIn(trash: ReturnType<MetadataDump['trash']>): Generator<{ id: number }> {
  for (const each of trash) if (each.kind === 'file') yield each
}
