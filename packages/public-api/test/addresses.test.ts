/** The address that a caller is told, for each name by which it may know a node. */
import { describe, expect, test } from 'vitest'
import { Addresses, type PublicEndpoint } from '../src/addresses.ts'

const master = { publicPort: 7070, advertisedUrl: null, internalAddress: 'master:7170' }
const server = { publicPort: 7071, advertisedUrl: null, internalAddress: 'chunk-server-1:7171' }
const advertised = { ...server, advertisedUrl: 'https://files.example/' }
const addressesOf = (...endpoints: PublicEndpoint[]): Addresses =>
  new Addresses(() => endpoints, ['dfs.test'])

describe('a caller is sent to a server', () => {
  test.each([
    ['from outside, by the name that it used', [master, server], 'localhost', 'http://localhost:7071'],
    ['from outside, by a configured name', [master, server], 'dfs.test', 'http://dfs.test:7071'],
    ['from outside, at the advertised URL', [master, advertised], 'localhost', 'https://files.example'],
    ['from the network of the nodes', [master, server], 'master', 'http://chunk-server-1:7071'],
    ['from there, past the advertised URL', [master, advertised], 'master', 'http://chunk-server-1:7071'],
    [
      'by a name that nodes use and that is advertised too',
      [{ ...master, advertisedUrl: 'http://master:8080' }, advertised],
      'master',
      'https://files.example',
    ],
    [
      'through a proxy on the same machine, at the advertised URL',
      [
        { ...master, internalAddress: '127.0.0.1:7170' },
        { ...advertised, internalAddress: '127.0.0.1:7171' },
      ],
      '127.0.0.1',
      'https://files.example',
    ],
    [
      'across machines that are known by IP addresses',
      [
        { ...master, internalAddress: '192.0.2.1:7170' },
        { ...server, internalAddress: '192.0.2.2:7171' },
      ],
      '192.0.2.1',
      'http://192.0.2.2:7071',
    ],
    [
      'to a server whose internal address is not known',
      [master, { publicPort: 7071, advertisedUrl: null }],
      'master',
      'http://master:7071',
    ],
    [
      'by IPv6 among the nodes',
      [
        { ...master, internalAddress: '[2001:db8::1]:7170' },
        { ...server, internalAddress: '[2001:DB8::2]:7171' },
      ],
      '[2001:db8::1]',
      'http://[2001:db8::2]:7071',
    ],
  ] as const)('%s', (_case, endpoints, hostName, origin) => {
    const [, target] = endpoints
    const addresses = addressesOf(...endpoints)
    expect(addresses.originOf(target, addresses.checkHost(hostName))).toBe(origin)
  })
})

test('the names of the nodes among themselves are names of this service, others stay foreign', () => {
  const addresses = addressesOf(master, server)
  expect(addresses.checkHost('MASTER:7070')).toBe('master')
  expect(addresses.checkHost('chunk-server-1:7071')).toBe('chunk-server-1')
  expect(() => addresses.checkHost('chunk-server-2')).toThrow('chunk-server-2 is not a name of this service')
})

test("a page that one node serves to the nodes' network may call the others there", () => {
  const addresses = addressesOf(master, server)
  expect(addresses.isOwnOrigin('http://master:7070', 'chunk-server-1')).toBe(true)
  expect(addresses.isOwnOrigin('http://chunk-server-1:7070', 'chunk-server-1')).toBe(false)
})
