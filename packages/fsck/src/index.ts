export { checkBooks } from './books.ts'
export { checkCluster, type ClusterAtRest } from './check-cluster.ts'
export { type Checked, type Finding, type FindingKind, FINDINGS, Findings, type Report } from './findings.ts'
export { type Query, SCHEMA_VERSIONS_KNOWN } from './metadata.ts'
