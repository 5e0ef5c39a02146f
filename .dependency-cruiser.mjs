/**
 * Who may import whom. The same direction as in ARCHITECTURE.md: pure building blocks <- protocol <- client <- cli, the
 * runtimes on top of core and protocol, what knows a web framework only below the services, services never each other.
 * What may not be touched inside a file (clock, disk, network) is the linter's part: .oxlintrc.json.
 */

/** What each package may import of the others. Whoever is missing here may be imported by services alone. */
const MAY_IMPORT = {
  core: [],
  volume: ['core'],
  wal: ['core'],
  'metadata-copy': ['core', 'protocol'],
  linearizability: ['core'],
  protocol: ['core'],
  client: ['core', 'protocol'],
  fsck: ['core', 'metadata-copy', 'protocol', 'volume'],
  cli: ['core', 'protocol', 'client', 'fsck', 'metadata-copy', 'node-runtime', 'volume', 'wal'],
  'node-runtime': ['core', 'protocol'],
  'sim-runtime': ['core', 'protocol'],
  'service-kit': ['core', 'protocol', 'node-runtime'],
  'public-api': ['core', 'protocol', 'service-kit'],
}

const graph = Object.entries(MAY_IMPORT).map(([name, allowed]) => ({
  name: `${name}-imports-only-what-is-below-it`,
  comment: `packages/${name} may import ${allowed.length === 0 ? 'no other package' : allowed.join(', ')}.`,
  severity: 'error',
  from: { path: `^packages/${name}/src/` },
  to: { path: '^packages/', pathNot: `^packages/(${[name, ...allowed].join('|')})/` },
}))

const FRAMEWORKS = '(^|/)node_modules/(fastify|@fastify|undici|pino|pino-pretty|prom-client)(/|$)'

export default {
  forbidden: [
    ...graph,
    {
      name: 'every-package-is-in-the-graph',
      comment: 'A new package needs its place in MAY_IMPORT.',
      severity: 'error',
      from: { path: '^packages/', pathNot: `^packages/(${Object.keys(MAY_IMPORT).join('|')})/` },
      to: {},
    },
    {
      name: 'services-meet-on-the-wire',
      comment: 'A service never imports another service.',
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^services/', pathNot: '^services/$1/' },
    },
    {
      name: 'packages-know-no-service',
      severity: 'error',
      from: { path: '^packages/' },
      to: { path: '^services/' },
    },
    {
      name: 'pure-packages-import-nothing-of-the-world',
      comment:
        'core, protocol, volume, wal, metadata-copy, fsck, linearizability and sim-runtime are pure: no Node module, no framework.',
      severity: 'error',
      from: {
        path: '^packages/(core|protocol|volume|wal|metadata-copy|fsck|linearizability|sim-runtime)/src/',
      },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'pure-packages-import-no-framework',
      severity: 'error',
      from: {
        path: '^packages/(core|protocol|volume|wal|metadata-copy|fsck|linearizability|sim-runtime)/src/',
      },
      to: { path: FRAMEWORKS },
    },
    {
      name: 'the-check-knows-no-table',
      comment: 'fsck checks a dump; the tables that it comes from are known in its directory sqlite alone.',
      severity: 'error',
      from: { path: '^packages/fsck/src/', pathNot: '^packages/fsck/src/(sqlite/|index\\.ts$)' },
      to: { path: '^packages/fsck/src/sqlite/' },
    },
    {
      name: 'domain-imports-nothing-of-the-world',
      comment:
        'Domain code is a function of state, input and time: no Node module, framework, route, worker or adapter.',
      severity: 'error',
      from: { path: '^services/[^/]+/src/domain/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'domain-imports-no-edge',
      severity: 'error',
      from: { path: '^services/[^/]+/src/domain/' },
      to: {
        path: [
          FRAMEWORKS,
          '^services/[^/]+/src/(routes|workers|adapters)/',
          '^services/[^/]+/src/.*/sqlite/',
          '^services/[^/]+/src/main.ts$',
          '^packages/(node-runtime|service-kit|public-api)/',
        ],
      },
    },
    {
      name: 'only-main-knows-the-public-api',
      comment: 'What a service does does not depend on who asks: its program puts routes in front of it.',
      severity: 'error',
      from: { path: '^services/[^/]+/src/', pathNot: '^services/[^/]+/src/main\\.ts$' },
      to: { path: '^packages/public-api/' },
    },
    {
      name: 'packages-are-imported-by-name',
      comment: 'A relative import never leaves its package.',
      severity: 'error',
      from: { path: '^(packages|services)/([^/]+)/' },
      to: { path: '^(packages|services|scripts|bench)/', pathNot: '^$1/$2/', dependencyTypes: ['local'] },
    },
    {
      name: 'packages-are-imported-at-their-door',
      comment: 'Only what a package exports; the rest is its own.',
      severity: 'error',
      from: { path: '^(packages|services)/([^/]+)/' },
      to: {
        path: '^(packages|services)/[^/]+/src/',
        pathNot: ['^$1/$2/', '^(packages|services)/[^/]+/src/index\\.ts$'],
      },
    },
    {
      name: 'everything-resolves',
      comment: 'A missing dependency, or a path that the package does not export.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'source-knows-no-test',
      severity: 'error',
      from: { path: '^(packages|services)/[^/]+/src/' },
      to: { path: '(^|/)test/|\\.test\\.ts$|(^|/)node_modules/(vitest|fast-check)(/|$)' },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|coverage)/' },
    tsPreCompilationDeps: true,
    combinedDependencies: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.js', '.cjs', '.d.ts'],
    },
  },
}
