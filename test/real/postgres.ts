import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Redacted, References, type Scope } from "effect"
import { createHash, randomUUID } from "node:crypto"
import { connect } from "node:net"
import { text } from "node:stream/consumers"
import { inject } from "vitest"
import { migrations } from "../../migrations/migrations.ts"
import { Database } from "../../src/store/Database.ts"
import { Leader } from "../../src/store/Leader.ts"
import { migrate } from "../../src/store/migrate.ts"
import { Outbox } from "../../src/store/Outbox.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { Tokens } from "../../src/store/Tokens.ts"
import type { PostgresAnswer } from "./postgresServer.ts"

const ask = async (): Promise<PostgresAnswer> => {
  const told = JSON.parse(await text(connect(inject("askForPostgres")))) as PostgresAnswer
  if ("missing" in told && process.env["REQUIRE_REAL"] === "1") {
    throw new Error(`a real Postgres is required: ${told.missing}`)
  }
  return told
}

const answer = await ask()

/** True where there is no Postgres to run against: `describe.skipIf(noPostgres)`. The run says so at its end. */
export const noPostgres = "missing" in answer

const url = (database: string): Redacted.Redacted =>
  Redacted.make("url" in answer ? `${answer.url}/${database}?sslmode=disable` : "")

const client = (database: string) => PgClient.layer({ url: url(database), maxConnections: 1 })

const template = `template_${createHash("sha256").update(JSON.stringify(migrations)).digest("hex").slice(0, 16)}`

/** Made once a run, by the first file that wants a database, while the others wait for the lock. */
const makeTemplate = Effect.gen(function* () {
  const sql = yield* PgClient.PgClient
  yield* sql`select pg_advisory_lock(1)`
  if ((yield* sql`select from pg_database where datname = ${template}`).length > 0) return
  const making = `${template}_making`
  yield* sql`create database ${sql(making)}`
  yield* Effect.flatMap(PgClient.PgClient, (made) => migrate(made, migrations)).pipe(
    Effect.provide(client(making))
  )
  yield* sql`alter database ${sql(making)} rename to ${sql(template)}`
}).pipe(
  Effect.provide(client("postgres")),
  Effect.provideService(References.MinimumLogLevel, "None"),
  Effect.orDie
)

let made: Promise<void> | undefined

const database = (from: string): Effect.Effect<Redacted.Redacted, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.gen(function* () {
      const sql = yield* PgClient.PgClient
      const name = `test_${randomUUID()}`
      yield* sql`create database ${sql(name)} template ${sql(from)}`
      return name
    }).pipe(Effect.provide(client("postgres")), Effect.orDie),
    (name) =>
      Effect.flatMap(PgClient.PgClient, (sql) => sql`drop database ${sql(name)} with (force)`).pipe(
        Effect.provide(client("postgres")),
        Effect.orDie
      )
  ).pipe(Effect.map(url))

/** The URL of a database of one's own, with our migrations applied; dropped at the end of the scope. */
export const freshDatabase: Effect.Effect<Redacted.Redacted, never, Scope.Scope> = Effect.promise(
  () => (made ??= Effect.runPromise(makeTemplate))
).pipe(Effect.andThen(database(template)))

/** The same without anything in it. */
export const emptyDatabase: Effect.Effect<Redacted.Redacted, never, Scope.Scope> = database("template1")

/** A fresh database and the store on it, for `it.effect(…).pipe(Effect.provide(layerFreshStore))`. */
export const layerFreshStore: Layer.Layer<StateStore | Leader | Outbox | Tokens | Database> = Layer.mergeAll(
  StateStore.layer,
  Leader.layer,
  Outbox.layer,
  Tokens.layer
).pipe(
  Layer.provideMerge(Layer.unwrap(Effect.map(freshDatabase, (fresh) => Database.layerUrl(fresh)))),
  Layer.orDie
)
