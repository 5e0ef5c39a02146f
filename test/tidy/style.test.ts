/** Style that matters is a test: what a reader may rely on in every file. Each check lists all offenders at once. */
import { describe, expect, it } from 'vitest'
import { filesOf, type SourceFile } from './repository.ts'

/** Of a file of the product, and of any other. */
const SOURCE_LINES_MAX = 300
const LINES_MAX = 400
const ROOTS = ['packages', 'services', 'scripts', 'bench', 'test']

const sources = filesOf(['.ts', '.cts', '.mts', '.cjs', '.mjs'], ROOTS)
const ownSources = sources.filter(({ path }) => /^(packages|services)\/[^/]+\/src\//.test(path))
const documents = filesOf(['.ts', '.cjs', '.mjs', '.md', '.json', '.yaml', '.yml', '.sh', 'Dockerfile'])

/** This file names what it forbids. */
const isThisFile = ({ path }: SourceFile): boolean => path === 'test/tidy/style.test.ts'

const offenders = (files: readonly SourceFile[], isOffence: (file: SourceFile) => boolean): string[] =>
  files.filter((file) => !isThisFile(file) && isOffence(file)).map((file) => file.path)

/** `path:line: text` of every line that matches. */
const offendingLines = (files: readonly SourceFile[], pattern: RegExp): string[] =>
  files
    .filter((file) => !isThisFile(file))
    .flatMap(({ path, text }) =>
      text
        .split('\n')
        .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
    )

const isLongerThan =
  (linesMax: number) =>
  ({ text }: SourceFile): boolean =>
    text.trimEnd().split('\n').length > linesMax

describe('every file', () => {
  it('is read by these tests', () => {
    expect(ownSources.length).toBeGreaterThan(20)
    expect(documents.map(({ path }) => path)).toContain('package.json')
  })

  it(`has at most ${LINES_MAX} lines, and ${SOURCE_LINES_MAX} if it is part of the product`, () => {
    const product = sources.filter(({ path }) => /^(scripts|(packages|services)\/[^/]+\/src)\//.test(path))
    expect(offenders(sources, isLongerThan(LINES_MAX))).toEqual([])
    expect(offenders(product, isLongerThan(SOURCE_LINES_MAX))).toEqual([])
  })

  it('is named after what it holds', () => {
    expect(
      offenders(sources, ({ path }) => /(^|\/)(utils?|helpers?|common|misc)\.[cm]?ts$/.test(path)),
    ).toEqual([])
    expect(offenders(sources, ({ path }) => /(^|\/)(utils?|helpers?|common|misc)\//.test(path))).toEqual([])
  })

  it('says at its head why it exists', () => {
    const needsHead = sources.filter(
      ({ path, text }) =>
        !/(^|\/)(test|bin)\//.test(path) && !(path.endsWith('/index.ts') && isOnlyExports(text)),
    )
    expect(offenders(needsHead, ({ text }) => !/^(#![^\n]*\n)?\s*\/\*/.test(text))).toEqual([])
  })

  it('leaves nothing to be done', () => {
    expect(offendingLines(sources, /\b(TODO|FIXME|XXX|HACK)\b/)).toEqual([])
  })

  it('promises nothing but what it does', () => {
    const BOASTING =
      /\b(blazing(ly)?|seamless(ly)?|effortless(ly)?|cutting-edge|world-class|game-chang\w+|best-in-class)\b/i
    expect(offendingLines(documents, BOASTING)).toEqual([])
  })

  it('knows no machine but the one it runs on', () => {
    expect(offendingLines(documents, /(^|[\s'"`(=])\/(work|home|root|Users)\/\w/)).toEqual([])
    expect(offendingLines(filesOf(['pnpm-lock.yaml', '.npmrc']), /https?:\/\//)).toEqual([])
  })
})

describe('every source file', () => {
  it('keeps the type checker on', () => {
    expect(offendingLines(sources, /\bas any(?=[;,)\].]|$)|@ts-(ignore|nocheck|expect-error)/)).toEqual([])
    expect(
      offendingLines(
        ownSources,
        /lint-disable(?!-next-line [a-z])|lint-disable.*(no-restricted|no-explicit)/,
      ),
    ).toEqual([])
  })

  it('has named exports only', () => {
    expect(offendingLines(ownSources, /^export default\b/)).toEqual([])
  })

  it('reads no ambient time, which the linter cannot see in a constructor', () => {
    const EDGE = /^(packages\/(node-runtime|service-kit|public-api)\/|services\/[^/]+\/src\/main\.ts$)/
    const inside = ownSources.filter(({ path }) => !EDGE.test(path))
    expect(offendingLines(inside, /\bnew Date\(\s*\)|(?<!new )\bDate\(\)/)).toEqual([])
  })

  it('names the columns in its statements, so that a later one changes none of them', () => {
    expect(
      offendingLines(ownSources, /\bINTO [a-z_]+ VALUES\b|\bSELECT (\w+\.)?\*|, \w+\.\* FROM\b/),
    ).toEqual([])
  })

  it('is an index only at the root of a package', () => {
    expect(offenders(ownSources, ({ path }) => /\/src\/.+\/index\.ts$/.test(path))).toEqual([])
  })
})

/** The door of a package lists what it exports and needs no head of its own. */
function isOnlyExports(text: string): boolean {
  return /^(\s*export (type )?(\*|\{[^}]*\})( from '[^']+')?\s*)*$/.test(text)
}
