import { Console, Effect } from "effect"
import { fold } from "./fold.ts"

// Narrower than this, words in the last column are a ladder of single ones: they stand below their row instead.
const readable = 30
const below = "    "

/**
 * Prints rows in columns as wide as their longest cell; the first row is the heading. In a terminal of `columns` the
 * last column is folded, or stands below its row; 0: nothing is folded, one line a row.
 */
export const printTable = (rows: ReadonlyArray<ReadonlyArray<string>>, columns = 0): Effect.Effect<void> => {
  const widths = rows.reduce<ReadonlyArray<number>>(
    (widths, row) => row.map((cell, index) => Math.max(cell.length, widths[index] ?? 0)),
    []
  )
  const before = widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0)
  const isWide = columns > 0 && before + (widths.at(-1) ?? 0) > columns
  const left = columns - before
  const line = (row: ReadonlyArray<string>) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join("  ")
      .trimEnd()
  const lines = (row: ReadonlyArray<string>, at: number): ReadonlyArray<string> => {
    if (!isWide) return [line(row)]
    const last = row.at(-1) ?? ""
    if (left >= readable) {
      const [first = "", ...rest] = fold(last, left)
      return [line([...row.slice(0, -1), first]), ...rest.map((words) => " ".repeat(before) + words)]
    }
    const words = at === 0 ? [last] : fold(last, columns - below.length)
    return [line(row.slice(0, -1)), ...words.map((words) => below + words)]
  }
  return Effect.forEach(
    rows.flatMap((row, at) => lines(row, at)),
    (line) => Console.log(line),
    { discard: true }
  )
}
