import type { Table } from "./State.ts"

/** The tables of one moment. */
export interface Snapshot {
  readonly index: number
  readonly tables: Readonly<Record<Table, number>>
  readonly namespaces: ReadonlyArray<string>
  readonly maps: ReadonlyArray<ReadonlyMap<string, unknown>>
}
