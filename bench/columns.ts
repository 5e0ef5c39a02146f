/** Cells as lines of a terminal. Pure. */

/** Each column as wide as its widest cell; the first `textColumns` of them are flush left, numbers flush right. */
export function columnLines(rows: readonly (readonly string[])[], textColumns: number): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column < textColumns ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  )
}
