import type { PgClient, PgConnection } from "@effect/sql-pg"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Deferred, Effect, Fiber, Layer, Redacted, References, Schedule } from "effect"
import { TestClock } from "effect/testing"
import { spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { createInterface } from "node:readline"
import { Database } from "../../src/store/Database.ts"
import { type Fence, Leader } from "../../src/store/Leader.ts"
import { lease } from "../../src/store/lease.ts"
import { freshDatabase, layerFreshStore as layerLoud, noPostgres } from "../real/postgres.ts"

const layerFreshStore = Layer.merge(layerLoud, Layer.succeed(References.MinimumLogLevel, "None"))

interface Line {
  readonly at: number
  readonly is: "started" | "leads" | "acted"
  readonly epoch?: number
}

/** A process of `leaderProgram.ts`; killed with the scope. */
const instance = (url: Redacted.Redacted) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(
        process.execPath,
        [new URL("leaderProgram.ts", import.meta.url).pathname, Redacted.value(url)],
        { stdio: ["ignore", "pipe", "inherit"] }
      )
      const lines: Array<Line> = []
      createInterface({ input: child.stdout }).on("line", (text) => lines.push(JSON.parse(text) as Line))
      return { child, lines }
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  )

const now = () => Number(process.hrtime.bigint() / 1_000_000n)
const until = (what: string, condition: () => boolean, within = 15_000) =>
  Effect.suspend(() => (condition() ? Effect.void : Effect.fail(`${what}: not within ${within} ms`))).pipe(
    Effect.retry({ schedule: Schedule.spaced("5 millis"), times: within / 5 })
  )
const has = (lines: ReadonlyArray<Line>, is: Line["is"]) => () => lines.some((line) => line.is === is)

describe.skipIf(noPostgres)(
  "leader, as real processes",
  () => {
    const two = Effect.gen(function* () {
      const url = yield* freshDatabase
      const first = yield* instance(url)
      yield* until("the first acts", has(first.lines, "acted"))
      const second = yield* instance(url)
      yield* until("the second waits", has(second.lines, "started"))
      yield* Effect.sleep("300 millis")
      assert.isFalse(has(second.lines, "leads")())
      return { first, second }
    })

    it.live("L4: kill -9 of the holder: the other takes over in well under a second", () =>
      Effect.gen(function* () {
        const { first, second } = yield* two
        const killed = now()
        first.child.kill("SIGKILL")
        yield* until("the second leads", has(second.lines, "leads"), 5000)
        const took = (second.lines.find(({ is }) => is === "leads")?.at ?? Infinity) - killed
        assert.isBelow(took, 1000)
      }).pipe(Effect.scoped)
    )

    it.live("L5: a stopped holder is replaced within TTL + 2 s, and does nothing when it goes on", () =>
      Effect.gen(function* () {
        const { first, second } = yield* two
        const stopped = now()
        first.child.kill("SIGSTOP")
        yield* until("the second leads", has(second.lines, "leads"), 10_000)
        const leads = second.lines.find(({ is }) => is === "leads")
        assert.isBelow((leads?.at ?? Infinity) - stopped, 7000)
        const before = first.lines.length
        first.child.kill("SIGCONT")
        yield* Effect.sleep("1500 millis")
        const after = first.lines.slice(before).filter(({ at }) => at > stopped + 1000)
        assert.deepEqual(after, [])
        assert.isTrue(has(second.lines, "acted")())
      }).pipe(Effect.scoped)
    )
  },
  40_000
)

describe.skipIf(noPostgres)("leader", () => {
  const led = Effect.gen(function* () {
    const leader = yield* Leader
    const { pool } = yield* Database
    const fences: Array<Fence> = []
    const onTheWayOut: Array<unknown> = []
    const fiber = yield* Effect.forkScoped(
      leader.lead((fence) =>
        Effect.sync(() => fences.push(fence)).pipe(
          Effect.andThen(Effect.never),
          Effect.onInterrupt(() =>
            leader.guard(Effect.void).pipe(
              Effect.exit,
              Effect.map((exit) => onTheWayOut.push(exit._tag))
            )
          )
        )
      )
    )
    yield* until("leads", () => fences.length > 0)
    return { leader, pool, fences, fiber, onTheWayOut }
  })

  it.live("S15: a body is interrupted when its session ends, and starts anew with another fence", () =>
    Effect.gen(function* () {
      const { leader, pool, fences, onTheWayOut } = yield* led
      assert.isTrue(yield* leader.leads)
      yield* pool`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted`
      yield* until("leads again", () => fences.length > 1)
      const [before, after] = fences
      // What a body still does while it is interrupted is refused.
      assert.deepEqual(onTheWayOut, ["Failure"])
      assert.strictEqual(after?.epoch, (before?.epoch ?? 0) + 1)
      assert.notStrictEqual(after?.holder, before?.holder)
      const row = yield* leader.leadership
      assert.deepInclude(row, { ...after })
    }).pipe(Effect.scoped, Effect.provide(layerFreshStore))
  )

  it.live("S15: guard refuses before anything is led, and after", () =>
    Effect.gen(function* () {
      const leader = yield* Leader
      assert.deepEqual(yield* Effect.flip(leader.guard(Effect.void)), { _tag: "NotLeading" })
      assert.isNull(yield* leader.leadership)
      const { fiber } = yield* led
      yield* leader.guard(Effect.void)
      yield* Fiber.interrupt(fiber)
      assert.deepEqual(yield* Effect.flip(leader.guard(Effect.void)), { _tag: "NotLeading" })
    }).pipe(Effect.scoped, Effect.provide(layerFreshStore))
  )

  it.live("a body that ends gives the lease back to whoever waits", () =>
    Effect.gen(function* () {
      const leader = yield* Leader
      const ended = yield* Deferred.make<void>()
      yield* Effect.forkScoped(leader.lead(() => Deferred.await(ended)))
      yield* until("leads", () => true)
      const other = yield* Leader.layer.pipe((layer) => Effect.provide(Leader, layer))
      let led2 = false
      yield* Effect.sleep("200 millis")
      yield* Effect.forkScoped(
        other.lead(() =>
          Effect.andThen(
            Effect.sync(() => (led2 = true)),
            Effect.never
          )
        )
      )
      yield* Effect.sleep("200 millis")
      assert.isFalse(led2)
      yield* Deferred.succeed(ended, undefined)
      yield* until("the other leads", () => led2, 2000)
    }).pipe(Effect.scoped, Effect.provide(layerFreshStore))
  )
})

describe("lease", () => {
  /** A leader whose session answers at once, with the pid that `server` has. */
  const leading = Effect.fnUntraced(function* (server: { pid: number }) {
    const query = (sql: string) =>
      Effect.sync(() => ({
        rows: [{ pid: server.pid, epoch: 1n, holder: randomUUID(), since: new Date(0), sql }]
      }))
    const session = () => Effect.succeed({ query } as unknown as PgConnection.PgConnection)
    const pool = (() => Effect.succeed([])) as unknown as PgClient.PgClient
    return yield* lease({ pool, session, where: "nowhere" })
  })

  it.effect("S15: S19: after a pause the lease is proven no more, whatever the wall clock says", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      // A paused process: time passed, and none of its timers ran.
      let paused = 0n
      let jumped = 0
      const monotonic = () => clock.monotonicTimeNanosUnsafe() + paused
      const wall = () => clock.currentTimeMillisUnsafe() + jumped
      const shifted: Clock.Clock = {
        monotonicTimeNanosUnsafe: monotonic,
        monotonicTimeNanos: Effect.sync(monotonic),
        currentTimeMillisUnsafe: wall,
        currentTimeMillis: Effect.sync(wall),
        currentTimeNanosUnsafe: () => BigInt(wall()) * 1_000_000n,
        currentTimeNanos: Effect.sync(() => BigInt(wall()) * 1_000_000n),
        sleep: (duration) => clock.sleep(duration)
      }
      const leader = yield* leading({ pid: 1 })
      yield* Effect.forkChild(leader.lead(() => Effect.never))
      yield* TestClock.adjust("10 seconds")
      yield* Effect.gen(function* () {
        for (const jump of [0, -86_400_000]) {
          jumped = jump
          paused = 3_900_000_000n
          assert.isTrue(yield* leader.leads)
          paused = 4_000_000_000n
          assert.isFalse(yield* leader.leads)
          assert.deepEqual(yield* Effect.flip(leader.guard(Effect.void)), { _tag: "NotLeading" })
        }
      }).pipe(Effect.provideService(Clock.Clock, shifted))
    }).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
  )

  it.effect("S15: a heartbeat that another server process answers ends it", () =>
    Effect.gen(function* () {
      const server = { pid: 1 }
      const leader = yield* leading(server)
      let began = 0
      yield* Effect.forkChild(
        leader.lead(() =>
          Effect.andThen(
            Effect.sync(() => (began += 1)),
            Effect.never
          )
        )
      )
      yield* TestClock.adjust("60 seconds")
      assert.strictEqual(began, 1)
      assert.isTrue(yield* leader.leads)
      server.pid = 2
      yield* TestClock.adjust("1 seconds")
      assert.isFalse(yield* leader.leads)
      yield* TestClock.adjust("300 millis")
      assert.strictEqual(began, 2)
    }).pipe(Effect.provideService(References.MinimumLogLevel, "None"))
  )
})
