/**
 * An instance that only leads: `node test/store/leaderProgram.ts URL`. Each line it writes is a JSON object: `leads`
 * with its epoch once it does, then `acted` for each effect that `guard` let pass, every 20 ms. `attempt` is whether
 * the fence still stood. Times are those of CLOCK_MONOTONIC, which all processes of the machine share.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer, Redacted, References, Schedule } from "effect"
import { randomUUID } from "node:crypto"
import { writeSync } from "node:fs"
import { AttemptId } from "../../src/domain/Attempt.ts"
import { Database } from "../../src/store/Database.ts"
import { Leader } from "../../src/store/Leader.ts"
import { StateStore } from "../../src/store/StateStore.ts"

const say = (line: object): void => {
  writeSync(1, `${JSON.stringify({ at: Number(process.hrtime.bigint() / 1_000_000n), ...line })}\n`)
}

const program = Effect.gen(function* () {
  const leader = yield* Leader
  const store = yield* StateStore
  say({ is: "started" })
  yield* leader.lead(({ epoch, holder }) =>
    Effect.gen(function* () {
      say({ is: "leads", epoch })
      const id = AttemptId.make(randomUUID())
      const act = Effect.gen(function* () {
        yield* leader.guard(Effect.sync(() => say({ is: "acted", epoch })))
        // Of no row: it is never true. What counts is that it is asked with the fence.
        yield* store.submit({ epoch, holder }, id)
      })
      yield* act.pipe(Effect.exit, Effect.repeat(Schedule.spaced("20 millis")))
    })
  )
})

program.pipe(
  Effect.provide(
    Layer.mergeAll(Leader.layer, StateStore.layer).pipe(
      Layer.provide(Database.layerUrl(Redacted.make(process.argv[2] ?? "")))
    )
  ),
  Effect.provideService(References.MinimumLogLevel, "None"),
  NodeRuntime.runMain
)
