/** What the process makes of its environment. */
import { describe, expect, it } from 'vitest'
import { loadConfig } from '@dfs/service-kit'
import { GATEWAY_DEFAULTS } from '../src/index.ts'
import { checkRelations, gatewaySettingsOf, GatewayConfig } from '../src/config.ts'

const load = (env: Readonly<Record<string, string>>) =>
  gatewaySettingsOf(
    loadConfig(GatewayConfig, { DFS_MASTER_URL: 'http://127.0.0.1:7070', ...env }, checkRelations),
  )

describe('the configuration', () => {
  it('is the default if nothing but the master is named', () => {
    expect(load({})).toEqual(GATEWAY_DEFAULTS)
  })

  it('takes everything from the environment', () => {
    const config = load({
      DFS_LISTEN_HOST: '0.0.0.0',
      DFS_LINE_MASTER_PORT: '6011',
      DFS_LINE_CHUNK_PORTS: '7001, 7002',
      DFS_LINE_ADVERTISED_HOST: 'files.example.org',
      DFS_LINE_ADVERTISED_CHUNK_PORTS: '6001,6002',
      DFS_LINE_RELEASE: 'never',
      DFS_LINE_RELEASE_PORT: '7004',
      DFS_LINE_ADVERTISED_RELEASE_PORT: '6004',
      DFS_LINE_ALIAS_PORT: '5000',
    })
    expect(config).toEqual({
      ...GATEWAY_DEFAULTS,
      listenHost: '0.0.0.0',
      masterPort: 6011,
      chunkPorts: [7001, 7002],
      advertisedHost: 'files.example.org',
      advertisedChunkPorts: [6001, 6002],
      release: 'never',
      releasePort: 7004,
      advertisedReleasePort: 6004,
      aliasPort: 5000,
    })
  })

  it.each([
    [{ DFS_LINE_CHUNK_PORTS: '6001,x' }, '"x" is no port'],
    [{ DFS_LINE_CHUNK_PORTS: '65536' }, '"65536" is no port'],
    [{ DFS_LINE_ADVERTISED_CHUNK_PORTS: '6001' }, 'one port for each'],
    [{ DFS_LINE_ADVERTISED_HOST: '0.0.0.0' }, 'nobody can connect to 0.0.0.0'],
    [{ DFS_LINE_ADVERTISED_HOST: '::1' }, 'DFS_LINE_ADVERTISED_HOST'],
    [{ DFS_LINE_RELEASE: 'sometimes' }, 'auto, never, always'],
  ])('%j is refused: %s', (env, problem) => {
    expect(() => load(env)).toThrow(problem)
  })
})
