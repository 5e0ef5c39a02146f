/** ARCHITECTURE.md names files of this repository: each is there, under the path that is given or at the end of a longer one. */
import { dirname } from 'node:path'
import { expect, test } from 'vitest'
import { filesOf } from './repository.ts'

const PAGE = 'ARCHITECTURE.md'
const files = filesOf(['']).map(({ path }) => path)
const directories = new Set(files.flatMap((path) => directoriesOf(path)))

function directoriesOf(path: string): string[] {
  const above = dirname(path)
  return above === '.' ? [] : [above, ...directoriesOf(above)]
}

const isOneOf = (all: Iterable<string>, name: string): boolean =>
  [...all].some((path) => `/${path}`.endsWith(`/${name}`))

/** A star stands for a part of a file's name. */
function exists(name: string): boolean {
  if (!name.includes('*')) return isOneOf(files, name) || isOneOf(directories, name.replace(/\/$/, ''))
  const pattern = new RegExp(`(^|/)${name.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}$`)
  return files.some((path) => pattern.test(path))
}

test('every file and directory that the page names is there', () => {
  const text = filesOf([PAGE]).find(({ path }) => path === PAGE)?.text ?? ''
  const named = (pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, name]) => name!)
  const sources = named(/`([\w./*-]+\.[cm]?ts)`/g)
  const places = named(/`((?:[\w-]+\/)+[\w.-]*)`/g)
  const links = named(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)
  expect(sources.length).toBeGreaterThan(50)
  expect(links.length).toBeGreaterThan(3)
  expect([...sources, ...places, ...links].filter((name) => !exists(name))).toEqual([])
})
