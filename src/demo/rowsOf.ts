import { stripVTControlCharacters } from "node:util"

/** The rows that lines take in a terminal of `columns`: one that was made narrower breaks what stands on it. */
export const rowsOf = (lines: ReadonlyArray<string>, columns: number): number =>
  lines.reduce(
    (rows, line) => rows + Math.max(1, Math.ceil(stripVTControlCharacters(line).length / columns)),
    0
  )
