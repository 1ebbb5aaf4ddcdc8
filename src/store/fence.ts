import type { PgClient } from "@effect/sql-pg"
import type { Fragment } from "effect/sql/Statement"
import type { AttemptId } from "../domain/Attempt.ts"
import type { Fence } from "./Leader.ts"

/**
 * A row (epoch, holder) if this fence is the standing one, else none. `for share`: the next holder waits until
 * the statement that asked has committed, so none of ours is still under way once it leads (S1).
 */
export const standing = (sql: PgClient.PgClient, { epoch, holder }: Fence): Fragment =>
  sql`select epoch, holder from leadership where epoch = ${epoch} and holder = ${holder}::uuid for share`

/**
 * The attempt's repository, locked, beside a `fence` that stands. Every statement locks in this order: leadership, the
 * repository (of several the first by name), what belongs to it. Two that did not would wait for one another until
 * Postgres ends one of them (40P01). `no key`: who only refers to the row, as a row of the outbox does, waits for nobody.
 */
export const repositoryOf = (sql: PgClient.PgClient, attempt: AttemptId): Fragment =>
  sql`select r.name, r.high_water_mark from repository r, attempt a, fence
    where a.id = ${attempt}::uuid and r.name = a.repository for no key update of r`
