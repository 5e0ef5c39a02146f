/** The manifests of the workspace agree: one version of everything, every package with a door, nothing unpinned. */
import { describe, expect, it } from 'vitest'
import { filesOf } from './repository.ts'

interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly version?: string
  readonly type?: string
  readonly exports?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const manifests = filesOf(['package.json']).map(({ path, text }): { path: string; manifest: Manifest } => ({
  path,
  manifest: JSON.parse(text),
}))
const members = manifests.filter(({ path }) => /^(packages|services)\//.test(path))

describe('the manifests', () => {
  it('take every version from the catalog', () => {
    const unpinned = manifests.flatMap(({ path, manifest }) =>
      Object.entries({
        ...manifest.dependencies,
        ...manifest.devDependencies,
        ...manifest.optionalDependencies,
      }).flatMap(([name, range]) => (isFromHere(name, range) ? [] : [`${path}: ${name} ${range}`])),
    )
    expect(unpinned).toEqual([])
  })

  it('are all private modules of this workspace', () => {
    expect(members.length).toBeGreaterThan(5)
    for (const { path, manifest } of members) {
      expect(manifest, path).toMatchObject({ private: true, type: 'module' })
      expect(manifest.name, path).toBe(`@dfs/${path.split('/')[1]}`)
    }
  })

  it('have one version, which services tell of themselves', () => {
    expect(new Set(manifests.map(({ manifest }) => manifest.version)).size).toBe(1)
  })

  // In a checkout a package that is missing here is found further up; in the image it is not there, and a type alone asks for it.
  it('name everything that their sources import', () => {
    const missing = members.flatMap(({ path, manifest }) => {
      const sources = filesOf(['.ts'], [path.replace('package.json', 'src')])
      const imported = new Set(sources.flatMap(({ text }) => importsOf(text)))
      return [...imported]
        .filter((name) => !(name in { ...manifest.dependencies }))
        .map((name) => `${path}: ${name}`)
    })
    expect(missing).toEqual([])
  })

  it('give every package one door', () => {
    for (const { path, manifest } of members) {
      expect(manifest.exports?.['.'], path).toBe('./src/index.ts')
    }
  })
})

function isFromHere(name: string, range: string): boolean {
  return name.startsWith('@dfs/') ? range === 'workspace:*' : range.startsWith('catalog:')
}

/** Packages by name, without Node's own and without files. */
function importsOf(source: string): string[] {
  return [...source.matchAll(/^(?:import|export|\}).* from '([^']+)'/gm)].flatMap(([, specifier]) =>
    /^(node:|\.)/.test(specifier!) ? [] : [/^(@[^/]+\/[^/]+|[^/]+)/.exec(specifier!)![0]],
  )
}
