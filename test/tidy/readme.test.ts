/** Every command that the README gives is typed by the CI: by the script that follows it, or as a stage of its own. */
import { expect, test } from 'vitest'
import { filesOf } from './repository.ts'

const textOf = (path: string): string => filesOf([path]).find((file) => file.path === path)?.text ?? ''

/** The sections with shell blocks, and the lines of these. */
function commandsBySection(page: string): Map<string, string[]> {
  const sections = new Map<string, string[]>()
  let section = ''
  let isCommand = false
  for (const line of page.split('\n')) {
    if (line.startsWith('#')) section = line.replace(/^#+ /, '')
    if (line.startsWith('```')) isCommand = line === '```sh'
    else if (isCommand) sections.set(section, [...(sections.get(section) ?? []), line])
  }
  return sections
}

test('every command of the README is executed', () => {
  const sections = commandsBySection(textOf('README.md'))
  const follower = textOf('.ci/readme')
  const stages = ['.ci/run', '.ci/containers', '.ci/chaos'].map(textOf).join('')
  const scripts: Record<string, string> = JSON.parse(textOf('package.json')).scripts
  for (const [section, commands] of sections) {
    if (follower.includes(`commands '${section}'`)) continue
    for (const command of commands) {
      const script = scripts[command.replace(/^npm (?:run )?/, '')] ?? 'no such script'
      const isStage = stages.includes(`${command} --`) || stages.includes(script)
      expect(isStage, `${command} is a stage of the CI`).toBe(true)
    }
  }
  expect([...sections.keys()]).toEqual(
    expect.arrayContaining(['Run it', 'With containers', 'Use it', 'Lose a disk', 'Test it']),
  )
})
