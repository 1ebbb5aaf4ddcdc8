import type { PgClient } from "@effect/sql-pg"
import { Effect } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import { createHash } from "node:crypto"
import type { Migration } from "../../migrations/Migration.ts"
import { SchemaAhead, SchemaDiffers, SchemaMissing } from "./StartError.ts"
import { sqlState, wordsOf } from "./storeCall.ts"

/** Class of the advisory lock under which instances that start together migrate one after the other. */
const migrationLock = 0x1008

interface Applied {
  readonly id: number
  readonly name: string
  readonly hash: string
  readonly readable_by_release_before: boolean
}

const numbered = (all: Readonly<Record<string, Migration>>) =>
  Object.entries(all)
    .map(([key, migration]) => ({
      ...migration,
      id: Number(key.slice(0, 4)),
      name: key.slice(5),
      hash: createHash("sha256").update(JSON.stringify(migration.statements)).digest("hex")
    }))
    .toSorted((a, b) => a.id - b.id)

const called = ({ id, name }: Pick<Applied, "id" | "name">): string =>
  `${String(id).padStart(4, "0")}_${name}`

/** The migrations that are still to apply; fails where the database is not ours or too far ahead. */
const pending = Effect.fnUntraced(function* (
  applied: ReadonlyArray<Applied>,
  ours: ReturnType<typeof numbered>
) {
  for (const [index, found] of applied.slice(0, ours.length).entries()) {
    const own = ours[index]
    if (own !== undefined && (own.id !== found.id || own.name !== found.name || own.hash !== found.hash)) {
      return yield* new SchemaDiffers({
        applied: `${called(found)} (${found.hash.slice(0, 8)})`,
        ours: `${called(own)} (${own.hash.slice(0, 8)})`
      })
    }
  }
  const further = applied.slice(ours.length)
  const unreadable = further.filter((found) => !found.readable_by_release_before)
  if (unreadable.length > 0) return yield* new SchemaAhead({ further: unreadable.map(called) })
  if (further.length > 0) {
    yield* Effect.logWarning("database schema is ahead of this release").pipe(
      Effect.annotateLogs({ further: further.map(called).join(", ") })
    )
  }
  return ours.slice(applied.length)
})

const readApplied = (sql: PgClient.PgClient) =>
  sql<Applied>`select id, name, hash, readable_by_release_before from schema_migration order by id`

const lacksRight = (error: SqlError): boolean => {
  const state = sqlState(error)
  // insufficient_privilege, read_only_sql_transaction, invalid_schema_name (an empty search path).
  return state === "42501" || state === "25006" || state === "3F000"
}

/**
 * Applies what is missing, all of it in one transaction; instances that start at once wait for each other.
 *
 * @param all - keys are `NNNN_name`
 */
export const migrate = (sql: PgClient.PgClient, all: Readonly<Record<string, Migration>>) => {
  const ours = numbered(all)
  return sql
    .withTransaction(
      Effect.gen(function* () {
        // Waiting for another instance, and work on a large table, take as long as they take.
        yield* sql`set local statement_timeout = 0`
        yield* sql`set local idle_in_transaction_session_timeout = 0`
        yield* sql`select pg_advisory_xact_lock(${migrationLock}, hashtext(coalesce(current_schema(), '')))`
        const [found] = yield* sql<{
          readonly here: boolean
        }>`select to_regclass('schema_migration') is not null as here`
        if (found?.here !== true) {
          yield* sql`
            create table schema_migration (
              id integer primary key,
              name text not null,
              hash text not null,
              readable_by_release_before boolean not null,
              applied_at timestamptz not null default now()
            )`
        }
        for (const each of yield* pending(yield* readApplied(sql), ours)) {
          for (const statement of each.statements) yield* sql.unsafe(statement)
          yield* sql`insert into schema_migration (id, name, hash, readable_by_release_before)
            values (${each.id}, ${each.name}, ${each.hash}, ${each.readableByReleaseBefore})`
          yield* Effect.logInfo("migration applied").pipe(Effect.annotateLogs({ migration: called(each) }))
        }
      })
    )
    .pipe(
      Effect.catchTag("SqlError", (error) =>
        Effect.fail(
          lacksRight(error)
            ? new SchemaMissing({
                missing: ours.map(called),
                words: `they can not be created (${wordsOf(error)})`
              })
            : error
        )
      )
    )
}

/** Compares only, for a role without the right to create (`create_database_schema = false`). */
export const checkSchema = Effect.fnUntraced(function* (
  sql: PgClient.PgClient,
  all: Readonly<Record<string, Migration>>
) {
  const ours = numbered(all)
  const [found] = yield* sql<{
    readonly here: boolean
  }>`select to_regclass('schema_migration') is not null as here`
  const missing = found?.here === true ? yield* pending(yield* readApplied(sql), ours) : ours
  if (missing.length > 0) {
    return yield* new SchemaMissing({
      missing: missing.map(called),
      words: "set create_database_schema = true, or start once with a role that may create them"
    })
  }
})
