import { Effect } from "effect"
import { availableParallelism, cpus } from "node:os"
import { printTable } from "../../src/cli/printTable.ts"

/** One measured figure. */
export interface Row {
  readonly what: string
  readonly value: number
  /** Of the value and of the ceiling: "ms", "MiB", "requests". */
  readonly unit: string
  /** What the machine can do at best, measured in the same run without our code; left out where there is none. */
  readonly ceiling?: number
}

/** What a program prints last, in one line. */
export interface Report {
  readonly program: string
  readonly machine: string
  readonly rows: ReadonlyArray<Row & { readonly ratio: number | null }>
}

/** A duration of many: the middle one, the one that 1 in 100 exceeds, and the longest. */
export const percentiles = (values: ReadonlyArray<number>) => {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99), max: at(1) }
}

const machine = `${availableParallelism()} × ${cpus()[0]?.model.trim() ?? process.arch}, Node ${process.version}`

/** Three digits that say something, and no others: what is more exact is noise. */
const cell = (figure: number | null | undefined, width: number): string => {
  if (figure === null || figure === undefined) return " ".repeat(width)
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(figure) || 1)))
  return figure.toFixed(Math.min(digits, 4)).padStart(width)
}

/** Prints the rows as a table, and below it the same as one line of JSON: a `Report`. */
export const report = (program: string, rows: ReadonlyArray<Row>): void => {
  const told: Report = {
    program,
    machine,
    rows: rows.map((row) => ({ ...row, ratio: row.ceiling === undefined ? null : row.value / row.ceiling }))
  }
  const heading = [program, "value".padStart(9), "unit", "ceiling".padStart(9), "ratio".padStart(8)]
  const table = told.rows.map(({ what, value, unit, ceiling, ratio }) => [
    what,
    cell(value, 9),
    unit,
    cell(ceiling, 9),
    cell(ratio, 8)
  ])
  Effect.runSync(printTable([heading, ...table]))
  process.stdout.write(`${JSON.stringify(told)}\n`)
}
