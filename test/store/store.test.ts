import { assert, describe, it } from "@effect/vitest"
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Redacted, References } from "effect"
import { randomUUID } from "node:crypto"
import { migrations } from "../../migrations/migrations.ts"
import { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { Tag } from "../../src/domain/Tag.ts"
import { Database } from "../../src/store/Database.ts"
import { migrate } from "../../src/store/migrate.ts"
import { mayMendItself } from "../../src/store/StartError.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { layer as layerStore, type StoreOptions } from "../../src/store/Store.ts"
import { emptyDatabase, freshDatabase, noPostgres } from "../real/postgres.ts"
import { fakeServer } from "./fakeServer.ts"
import { person, watched } from "./rows.ts"

const quiet = Effect.provideService(References.MinimumLogLevel, "None")
const at = (database: Redacted.Redacted, over: Partial<StoreOptions> = {}): StoreOptions => ({
  database,
  createDatabaseSchema: true,
  ...over
})
/** Starts the whole store and asks it for its schema. */
const start = (options: StoreOptions) =>
  Effect.flatMap(StateStore, ({ schema }) => schema).pipe(Effect.provide(layerStore(options)), quiet)
const run = (url: Redacted.Redacted, ...statements: ReadonlyArray<string>) =>
  Effect.flatMap(PgClient.PgClient, (sql) =>
    Effect.forEach(statements, (statement) => sql.unsafe(statement))
  ).pipe(Effect.provide(PgClient.layer({ url })))
const newest = { id: Object.keys(migrations).length, name: Object.keys(migrations).at(-1)?.slice(5) }
const withParts = (url: Redacted.Redacted, change: (url: URL) => void) => {
  const parts = new URL(Redacted.value(url))
  change(parts)
  return Redacted.make(parts.href)
}

describe.skipIf(noPostgres)("schema", () => {
  it.effect("five instances at once on an empty database all start", () =>
    Effect.gen(function* () {
      const url = yield* emptyDatabase
      const all = yield* Effect.all(
        Array.from({ length: 5 }, () => start(at(url))),
        { concurrency: "unbounded" }
      )
      assert.deepEqual(
        all,
        Array.from({ length: 5 }, () => newest)
      )
    }).pipe(Effect.scoped)
  )

  it.effect("a migration that fails leaves nothing of those before it", () =>
    Effect.gen(function* () {
      const url = yield* emptyDatabase
      const bad = { readableByReleaseBefore: true, statements: ["select nonsense"] }
      yield* Effect.flatMap(PgClient.PgClient, (pool) =>
        Effect.gen(function* () {
          yield* Effect.flip(migrate(pool, { ...migrations, "9999_bad": bad }))
          assert.deepEqual(yield* pool`select to_regclass('schema_migration') as it`, [{ it: null }])
        })
      ).pipe(Effect.provide(PgClient.layer({ url })))
    }).pipe(Effect.scoped, quiet)
  )

  it.effect("S22: of a baseline that was there before 0009 nothing says that all tasks ran it", () =>
    Effect.gen(function* () {
      const url = yield* emptyDatabase
      const before = Object.fromEntries(Object.entries(migrations).slice(0, 8))
      yield* Effect.flatMap(PgClient.PgClient, (pool) => migrate(pool, before)).pipe(
        Effect.provide(PgClient.layer({ url }))
      )
      yield* run(
        url,
        "insert into repository (name, baseline_tag, baseline_at, updated_by) values ('api', 'v1', now(), 'test')"
      )
      const desired = yield* Effect.flatMap(StateStore, (store) =>
        store.desired(RepositoryName.make("api"))
      ).pipe(Effect.provide(layerStore(at(url))))
      assert.deepInclude(desired, { baselineTag: Tag.make("v1"), baselineAllAt: null })
      assert.isNotNull(desired.baselineAt)
    }).pipe(Effect.scoped, quiet)
  )

  it.effect("create_database_schema = false: what is missing is named, and nothing is created", () =>
    Effect.gen(function* () {
      const url = yield* emptyDatabase
      const error = yield* Effect.flip(start(at(url, { createDatabaseSchema: false })))
      assert.strictEqual(error._tag, "SchemaMissing")
      assert.include(error.message, "0001_desired_state, 0002_views")
      assert.include(error.message, "create_database_schema = true")
      const [tables] = yield* run(url, "select to_regclass('repository') as it")
      assert.deepEqual(tables, [{ it: null }])
    }).pipe(Effect.scoped)
  )

  it.effect(
    "create_database_schema = false: a migrated database is accepted, one that lacks the last is not",
    () =>
      Effect.gen(function* () {
        const url = yield* freshDatabase
        const options = at(url, { createDatabaseSchema: false })
        assert.deepEqual(yield* start(options), newest)
        yield* run(url, `delete from schema_migration where id = ${newest.id}`)
        const error = yield* Effect.flip(start(options))
        assert.include(
          error.message,
          `lacks the migrations ${String(newest.id).padStart(4, "0")}_${newest.name}:`
        )
      }).pipe(Effect.scoped)
  )

  it.effect.each([
    { readable: true, says: undefined },
    { readable: false, says: "SchemaAhead" }
  ])("a database ahead of us, readable by us: $readable", ({ readable, says }) =>
    Effect.gen(function* () {
      const url = yield* freshDatabase
      yield* run(url, `insert into schema_migration values (99, 'later', 'x', ${readable})`)
      for (const createDatabaseSchema of [true, false]) {
        const exit = yield* start(at(url, { createDatabaseSchema })).pipe(
          Effect.matchEffect({
            onSuccess: () => Effect.succeed<string | undefined>(undefined),
            onFailure: (error) => Effect.succeed(error._tag === "SchemaAhead" ? error._tag : String(error))
          })
        )
        assert.strictEqual(exit, says)
      }
    }).pipe(Effect.scoped)
  )

  it.effect.each(["hash = 'x'", "name = 'other'", "id = -1"])(
    "a migration with another %s is not ours",
    (set) =>
      Effect.gen(function* () {
        const url = yield* freshDatabase
        yield* run(url, `update schema_migration set ${set} where id = 2`)
        const error = yield* Effect.flip(start(at(url)))
        assert.strictEqual(error._tag, "SchemaDiffers")
      }).pipe(Effect.scoped)
  )

  it.effect("X17: a role without DDL serves a migrated database, and is told of one that is not", () =>
    Effect.gen(function* () {
      const [migrated, empty] = [yield* freshDatabase, yield* emptyDatabase]
      const role = `r${randomUUID().slice(0, 8)}`
      yield* run(
        migrated,
        `create role ${role} login`,
        `grant select, insert, update, delete on all tables in schema public to ${role}`
      )
      // Before 15 everybody might.
      yield* run(empty, "revoke create on schema public from public")
      const as = (url: Redacted.Redacted) =>
        withParts(url, (parts) => {
          parts.username = role
        })
      const serves = Effect.gen(function* () {
        const store = yield* StateStore
        yield* store.adopt([watched("api")])
        return yield* store.change({ repository: RepositoryName.make("api"), autoDeploy: false, ...person })
      }).pipe(Effect.provide(layerStore(at(as(migrated), { createDatabaseSchema: false }))))
      assert.strictEqual((yield* serves).generation, 2)
      const error = yield* Effect.flip(start(at(as(empty))))
      assert.include(error.message, "permission denied for schema public")
      assert.isFalse(error._tag !== "StoreError" && mayMendItself(error))
    }).pipe(Effect.scoped)
  )

  it("each migration has a number of its own, without a gap", () => {
    const ids = Object.keys(migrations).map((key) => Number(/^(\d{4})_[a-z_]+$/.exec(key)?.[1]))
    assert.deepEqual(
      ids,
      ids.map((_, index) => index + 1)
    )
  })
})

const failure = (url: Redacted.Redacted) =>
  Effect.flip(Layer.build(Database.layerUrl(url))).pipe(Effect.scoped)

describe.skipIf(noPostgres)("a database that can not be used", () => {
  it.effect("nobody listens: to be tried again", () =>
    Effect.gen(function* () {
      const error = yield* failure(Redacted.make("postgres://u:canary@127.0.0.1:1/d"))
      assert.isTrue(mayMendItself(error))
      assert.match(error.message, /^Postgres at 127\.0\.0\.1:1\/d can not be reached: .*ECONNREFUSED/)
      assert.notInclude(error.message, "canary")
    })
  )

  it.effect.each([
    ["no such database", { pathname: "/nowhere" }, 'database "nowhere" does not exist'],
    ["no such role", { username: "nobody" }, 'role "nobody" does not exist']
  ] as const)("%s", ([, change, words]) =>
    Effect.gen(function* () {
      const url = yield* emptyDatabase
      const error = yield* failure(withParts(url, (parts) => Object.assign(parts, change)))
      assert.strictEqual(error._tag, "DatabaseRefused")
      assert.isFalse(mayMendItself(error))
      assert.include(error.message, words)
    }).pipe(Effect.scoped)
  )

  it.effect("sslmode=require where there is no TLS is refused; prefer goes on without", () =>
    Effect.gen(function* () {
      const url = yield* emptyDatabase
      const mode = (sslmode: string) => withParts(url, (parts) => parts.searchParams.set("sslmode", sslmode))
      assert.include((yield* failure(mode("require"))).message, "does not support TLS")
      yield* Layer.build(Database.layerUrl(mode("prefer"))).pipe(Effect.scoped)
    }).pipe(Effect.scoped)
  )

  it.effect("a URL that does not parse", () =>
    Effect.map(failure(Redacted.make("http://h")), (error) => {
      assert.strictEqual(error._tag, "BadDatabaseUrl")
    })
  )
})

describe("a server that is not for us", () => {
  it.live.each([
    [130_014, "13.14", false, "DatabaseTooOld", "Postgres is version 13.14, and 14 or later is needed"],
    [150_000, "15.0", true, "DatabaseUnreachable", "it is a standby, not the primary"]
  ] as const)("version %i, standby %s", ([version, name, standby, tag, words]) =>
    Effect.gen(function* () {
      const server = yield* fakeServer(version, name, standby)
      const address = server.address()
      const port = typeof address === "object" ? address?.port : 0
      const url = Redacted.make(`postgres://u@127.0.0.1:${port}/d?sslmode=disable`)
      const error = yield* Effect.flip(Layer.build(Database.layerUrl(url)))
      assert.strictEqual(error._tag, tag)
      assert.include(error.message, words)
    }).pipe(Effect.scoped)
  )
})
