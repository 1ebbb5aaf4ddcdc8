import { assert, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import { NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { Database } from "../../src/store/Database.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { noPostgres } from "../real/postgres.ts"
import { interval, layerLoop, watch, watchedAs } from "./loop.ts"
import { inFlight, pass } from "./story.ts"

// The whole size where CI runs; a tenth of it while people wait.
const isWhole = process.env["REQUIRE_REAL"] === "1"
const repositories = isWhole ? 1000 : 100
const intervals = isWhole ? 60 : 10
it.effect.skipIf(noPostgres)(
  `L2: ${repositories} repositories in sync are quiet over ${intervals} intervals`,
  () =>
    Effect.gen(function* () {
      const nomad = yield* NomadSimulator
      const registry = yield* RegistrySimulator
      const store = yield* StateStore
      const { pool: sql } = yield* Database
      const host = registry.origin.host
      const names = Array.from({ length: repositories }, (_, n) => `repo-${n}`)
      const watched = names.map((name) => watchedAs(name, host))
      for (const name of names) {
        const digest = yield* registry.push(name, "v1.0.0")
        // Half of them as people write it, half as we do.
        const image = name.endsWith("1") ? `${host}/${name}:v1.0.0` : `${host}/${name}:v1.0.0@${digest}`
        yield* nomad.register(sampleJob({ id: name, image }))
      }
      yield* TestClock.adjust("1 minute")
      yield* watch(watched)
      yield* pass(Duration.times(interval, 2))

      const changes = sql<{ readonly relname: string; readonly changed: bigint }>`
        select relname, n_tup_ins + n_tup_upd + n_tup_del as changed from pg_stat_user_tables
        where relname not in ('checked', 'leadership')`
      // The lock's session counts late; its epoch says whether anything was written there.
      const epoch = sql<{ readonly epoch: number }>`select epoch from leadership`
      // A session's counts reach the statistics when it is told to: both of the pool's are, at once.
      const flush = sql`select pg_stat_force_next_flush(), pg_sleep(0.02)`
      const written = Effect.all([flush, flush], { concurrency: 2 }).pipe(
        Effect.andThen(changes),
        Effect.map((rows) => new Map(rows.map(({ relname, changed }) => [relname, Number(changed)])))
      )
      const statuses = yield* store.statuses(watched.map(({ name }) => name))
      assert.deepStrictEqual([...new Set(statuses.map(({ decision }) => decision?._tag))], ["InSync"])
      const before = yield* written
      const epochBefore = yield* epoch
      const listingsBefore = (yield* nomad.requests).length
      yield* registry.clearRequests

      yield* pass(Duration.times(interval, intervals))

      const counts = yield* registry.requestCounts
      const most = Math.max(...counts.values())
      const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
      assert.isAtMost(total / repositories / intervals, 1.05)
      assert.isAtLeast(total / repositories / intervals, 0.95)
      assert.isAtMost(most / intervals, 1.15)
      assert.deepStrictEqual(yield* nomad.registers, [])
      // One listing of the namespace an interval, and nothing else.
      assert.isAtMost((yield* nomad.requests).length - listingsBefore, intervals * 1.1)
      assert.deepStrictEqual(yield* written, before)
      assert.deepStrictEqual(yield* epoch, epochBefore)
    }).pipe(Effect.provide(layerLoop(inFlight))),
  900_000
)
