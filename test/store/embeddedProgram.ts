/** An instance with the embedded database: `node test/store/embeddedProgram.ts DIRECTORY`; says `ready` and writes on. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer, References, Schedule } from "effect"
import { writeSync } from "node:fs"
import { Database } from "../../src/store/Database.ts"
import { embeddedPostgres } from "../../src/store/embeddedPostgres.ts"

const program = Effect.gen(function* () {
  const { pool } = yield* Database
  yield* pool`create table if not exists written (n int)`
  const [row] = yield* pool<{ readonly n: number }>`select count(*)::int as n from written`
  writeSync(1, `ready ${row?.n}\n`)
  let n = row?.n ?? 0
  yield* pool`insert into written values (${n})`.pipe(
    Effect.tap(Effect.sync(() => writeSync(1, `wrote ${++n}\n`))),
    Effect.repeat(Schedule.spaced("2 millis"))
  )
})

program.pipe(
  Effect.provide(
    Layer.unwrap(Effect.map(embeddedPostgres(process.argv[2] ?? "data"), Database.layerAddress))
  ),
  Effect.provideService(References.MinimumLogLevel, "None"),
  Effect.catchCause((cause) =>
    Effect.sync(() => {
      writeSync(1, `failed ${String(cause)}\n`)
    })
  ),
  NodeRuntime.runMain
)
