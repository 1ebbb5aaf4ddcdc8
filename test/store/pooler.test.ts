import { PgClient } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, References, Schedule, Stream } from "effect"
import { execFileSync, spawn } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect, createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { Database } from "../../src/store/Database.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { layer as layerStore } from "../../src/store/Store.ts"
import { unprivileged } from "../../src/store/Unprivileged.ts"
import { emptyDatabase, freshDatabase, noPostgres } from "../real/postgres.ts"
import { person, watched } from "./rows.ts"

/** Debian's `pgbouncer`, where it is installed. */
const program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].find((file) => {
  try {
    execFileSync(file, ["--version"], { stdio: "ignore" })
    return true
  } catch {
    return false
  }
})
if (program === undefined) process.stdout.write("NOT RUN against a real pgbouncer: it is not installed\n")

const freePort = Effect.callback<number>((resume) => {
  const probe = createServer()
  probe.listen(0, "127.0.0.1", () => {
    const address = probe.address()
    probe.close(() => resume(Effect.succeed(typeof address === "object" ? (address?.port ?? 0) : 0)))
  })
})

const answers = (port: number) =>
  Effect.callback<void, string>((resume) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy()
      resume(Effect.void)
    })
    socket.once("error", (error) => resume(Effect.fail(String(error))))
  }).pipe(Effect.retry({ schedule: Schedule.spaced("20 millis"), times: 500 }))

const settings =
  "idle_session_timeout,tcp_user_timeout,lock_timeout,statement_timeout,idle_in_transaction_session_timeout"

/** A pooler before the database; its URL. */
const pooler = Effect.fnUntraced(function* (
  database: Redacted.Redacted,
  mode: "transaction" | "session",
  extra: string
) {
  const to = new URL(Redacted.value(database))
  const port = yield* freePort
  const directory = mkdtempSync(join(tmpdir(), "rw-pooler-"))
  const user = unprivileged()
  user.own(directory)
  writeFileSync(
    join(directory, "pgbouncer.ini"),
    `[databases]
* = host=${to.hostname} port=${to.port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
${extra}
`
  )
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawn(...user.command(program ?? "", [join(directory, "pgbouncer.ini")]), {
        ...user.options,
        stdio: "ignore"
      })
    ),
    (child) =>
      Effect.callback<void>((resume) => {
        child.once("exit", () => {
          rmSync(directory, { recursive: true, force: true })
          resume(Effect.void)
        })
        child.kill("SIGKILL")
      })
  )
  yield* answers(port)
  to.port = String(port)
  return Redacted.make(to.href)
})

const refusal = (url: Redacted.Redacted) =>
  Effect.flip(Layer.build(Database.layerUrl(url))).pipe(Effect.scoped)
/** Makes the role's own default what a session asks for, so that it is there though the pooler dropped the wish. */
const asDefault = (url: Redacted.Redacted) =>
  Effect.flatMap(PgClient.PgClient, (sql) =>
    sql.unsafe(
      `do $$ begin execute format('alter database %I set idle_session_timeout = 5000', current_database()); end $$`
    )
  ).pipe(Effect.provide(PgClient.layer({ url })))

describe.skipIf(noPostgres || program === undefined)("pooler", () => {
  it.live("one that refuses our settings is named, with what to set", () =>
    Effect.gen(function* () {
      const url = yield* pooler(yield* emptyDatabase, "transaction", "")
      const error = yield* refusal(url)
      assert.strictEqual(error._tag, "PoolerFound")
      assert.match(
        error.message,
        /^a connection pooler answers at 127\.0\.0\.1:\d+\/.* set leader_database_url/
      )
    }).pipe(Effect.scoped)
  )

  it.live("one that drops our settings", () =>
    Effect.gen(function* () {
      const url = yield* pooler(
        yield* emptyDatabase,
        "transaction",
        `ignore_startup_parameters = ${settings}`
      )
      assert.include((yield* refusal(url)).message, "settings do not arrive")
    }).pipe(Effect.scoped)
  )

  it.live.each([
    ["transaction", "", "go to several servers"],
    ["transaction", "default_pool_size = 1", "wait for each other"]
  ] as const)("one in %s mode (%s), by where the statements of a session go", ([mode, extra, words]) =>
    Effect.gen(function* () {
      const database = yield* emptyDatabase
      yield* asDefault(database)
      const url = yield* pooler(database, mode, `ignore_startup_parameters = ${settings}\n${extra}`)
      assert.include((yield* refusal(url)).message, words)
    }).pipe(Effect.scoped)
  )

  it.live("one that keeps sessions whole, settings too, is none for us", () =>
    Effect.gen(function* () {
      const database = yield* emptyDatabase
      yield* asDefault(database)
      const url = yield* pooler(database, "session", `ignore_startup_parameters = ${settings}`)
      yield* Layer.build(Database.layerUrl(url)).pipe(Effect.scoped)
    }).pipe(Effect.scoped)
  )

  it.live("with leader_database_url beside it, everything works through it", () =>
    Effect.gen(function* () {
      const direct = yield* freshDatabase
      const database = yield* pooler(direct, "transaction", "")
      const api = RepositoryName.make("api")
      const told = Effect.gen(function* () {
        const store = yield* StateStore
        yield* store.adopt([watched("api")])
        const changes = yield* Effect.forkChild(Stream.runCollect(Stream.take(store.changes, 2)))
        const change = store.change({ repository: api, request: "redeploy", ...person })
        yield* change.pipe(
          Effect.repeat({
            until: () => changes.pollUnsafe() !== undefined,
            schedule: Schedule.spaced("20 millis")
          })
        )
        return changes.pollUnsafe()
      }).pipe(
        Effect.provide(layerStore({ database, leaderDatabase: direct, createDatabaseSchema: true })),
        Effect.provideService(References.MinimumLogLevel, "None")
      )
      const exit = yield* told
      assert.deepEqual(exit?._tag === "Success" ? exit.value : exit, [null, api])
    }).pipe(Effect.scoped)
  )
})
