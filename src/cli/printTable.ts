import { Console, Effect } from "effect"

/** Prints rows in columns as wide as their longest cell; the first row is the heading. */
export const printTable = (rows: ReadonlyArray<ReadonlyArray<string>>): Effect.Effect<void> => {
  const widths = rows.reduce<ReadonlyArray<number>>(
    (widths, row) => row.map((cell, index) => Math.max(cell.length, widths[index] ?? 0)),
    []
  )
  return Effect.forEach(
    rows,
    (row) =>
      Console.log(
        row
          .map((cell, index) => cell.padEnd(widths[index] ?? 0))
          .join("  ")
          .trimEnd()
      ),
    { discard: true }
  )
}
