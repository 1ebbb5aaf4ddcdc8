import type { PgClient } from "@effect/sql-pg"
import type { Fragment } from "effect/sql/Statement"
import type { Fence } from "./Leader.ts"

/**
 * A row (epoch, holder) if this fence is the standing one, else none. `for share`: the next holder waits until
 * the statement that asked has committed, so none of ours is still under way once it leads (S1).
 */
export const standing = (sql: PgClient.PgClient, { epoch, holder }: Fence): Fragment =>
  sql`select epoch, holder from leadership where epoch = ${epoch} and holder = ${holder}::uuid for share`
