/**
 * Rows of the master's database, through a query function that is handed in. What is in this directory knows the tables, and
 * nothing of the program that writes them, so that a mistake of that program is not repeated here.
 */
export type Row = Readonly<Record<string, unknown>>
export type Query = (sql: string, ...parameters: readonly (number | string)[]) => Iterable<Row>

/** The schema that the statements here are written for. */
export const SCHEMA_VERSIONS_KNOWN = Object.freeze({ first: 1, last: 12 })
