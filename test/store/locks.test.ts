import type { PgConnection } from "@effect/sql-pg"
import { assert, describe, layer } from "@effect/vitest"
import { Duration, Effect, Fiber } from "effect"
import { randomUUID } from "node:crypto"
import type { Attempt } from "../../src/domain/Attempt.ts"
import { Tag } from "../../src/domain/Tag.ts"
import { Database } from "../../src/store/Database.ts"
import type { Ending } from "../../src/store/rollouts.ts"
import type { StateStore } from "../../src/store/StateStore.ts"
import { layerFreshStore, noPostgres } from "../real/postgres.ts"
import { digest, jobOf, leading, person, taken, watched } from "./rows.ts"

type Leading = Effect.Success<typeof leading>

const session = Effect.flatMap(Database, (database) => database.session({}))
const run = (connection: PgConnection.PgConnection, text: string, values: ReadonlyArray<unknown> = []) =>
  Effect.map(connection.query(text, values, false), ({ rows }) => rows)

/** A session of this test's own, in a transaction that has locked what `text` selects. */
const holding = Effect.fnUntraced(function* (text: string, values: ReadonlyArray<unknown>) {
  const connection = yield* session
  const [backend] = yield* run(connection, "select pg_backend_pid()::int as pid")
  yield* run(connection, "begin")
  yield* run(connection, text, values)
  return { connection, pid: backend?.["pid"], release: run(connection, "commit") }
})

/** So many sessions wait for a lock that this one, or somebody who waits for it, has. */
const waiters = (watching: PgConnection.PgConnection, pid: unknown) =>
  Effect.map(
    run(
      watching,
      `with recursive behind as (
        select $1::int as pid
        union
        select a.pid from pg_stat_activity a, behind where behind.pid = any(pg_blocking_pids(a.pid)))
      select count(*)::int - 1 as n from behind`,
      [pid]
    ),
    ([row]) => Number(row?.["n"])
  )

/** Asks again and again until it is so: what Postgres does in between takes as long as it takes. */
const until = <E, R>(isSo: Effect.Effect<boolean, E, R>): Effect.Effect<void, E, R> =>
  Effect.repeat(isSo, { until: (so) => so }).pipe(Effect.asVoid)

const ending = ({ id }: { readonly id: Attempt["id"] }, over: Partial<Ending> = {}): Ending => ({
  attempt: id,
  outcome: "failed",
  words: "no",
  nomadVersion: null,
  deploymentId: null,
  blame: "image",
  swallowed: false,
  baseline: { tag: Tag.make("v1"), digest: digest("v1"), ofAll: true },
  raise: null,
  ...over
})
const rolling = { phase: "awaiting_promotion", words: "", nomadVersion: 4, deploymentId: "d1" } as const
const inJob = (name: string, job: string) => {
  const one = watched(name)
  return { ...one, mapping: { ...one.mapping, job: jobOf(job) } }
}
const life = Duration.seconds(45)

/** `leading`, with an attempt that rolls out. */
const rollout = (test: Leading) =>
  Effect.tap(test.accepted(), ({ id }) => test.store.setPhase(test.fence, id, rolling))
/** With one that was sent, of a request that is open. */
const sent = Effect.fnUntraced(function* ({ store, fence, api, intent }: Leading) {
  const { generation } = yield* store.change({ repository: api, request: "reset", ...person })
  const made = intent({ reason: "requested", request: { kind: "reset", by: "ann" }, generation })
  yield* store.intend(fence, made)
  yield* store.submit(fence, made.id)
  return made
})
const unknown = (test: Leading) =>
  Effect.tap(sent(test), ({ id }) => test.store.move(test.fence, id, "unknown", "time-out"))

type Statement = Effect.Effect<unknown, unknown>
/** Everything that writes a row of `repository`, and whatever else it locks; ready to be sent. */
const statements: Record<string, (test: Leading) => Effect.Effect<Statement, unknown, StateStore>> = {
  change: (test) =>
    Effect.map(rollout(test), () =>
      test.store.change({ repository: test.api, autoDeploy: false, lift: digest("v2"), ...person })
    ),
  orderRollout: (test) =>
    Effect.map(rollout(test), ({ id }) =>
      test.store.orderRollout({ repository: test.api, attempt: id, order: "fail", ...person })
    ),
  sendOrder: (test) =>
    Effect.map(rollout(test), ({ id: attempt }) =>
      test.store.sendOrder(test.fence, {
        attempt,
        order: "promote",
        deployment: "d1",
        isOrdered: false,
        generation: 1,
        life
      })
    ),
  end: (test) => Effect.map(rollout(test), (made) => test.store.end(test.fence, ending(made))),
  submit: (test) =>
    Effect.gen(function* () {
      const made = test.intent()
      yield* test.store.intend(test.fence, made)
      return test.store.submit(test.fence, made.id)
    }),
  accept: (test) => Effect.map(sent(test), ({ id }) => test.store.accept(test.fence, id, taken)),
  "move to rejected": (test) =>
    Effect.map(sent(test), ({ id }) => test.store.move(test.fence, id, "rejected", "no")),
  "move to lost": (test) =>
    Effect.gen(function* () {
      const { id } = yield* unknown(test)
      yield* test.store.abandon(test.api, id, "ann", "")
      return test.store.move(test.fence, id, "lost", "nobody knows")
    }),
  abandon: (test) => Effect.map(unknown(test), ({ id }) => test.store.abandon(test.api, id, "ann", "")),
  acceptView: (test) =>
    Effect.as(
      test.store.saveListing(test.api, { tags: [], suspect: "empty", fingerprint: "0" }),
      test.store.acceptView({ repository: test.api, ...person })
    )
}

/** What is locked after its `repository`, and before it by nobody. */
const own = ["attempt", "quarantine", "repository_view"]

describe.skipIf(noPostgres)("locks", () =>
  layer(layerFreshStore)((it) => {
    it.effect.each(Object.entries(statements))(
      "S1: the repository is locked before its other rows: %s has none of them while it waits",
      ([, prepare]) =>
        Effect.gen(function* () {
          const test = yield* leading
          yield* test.pool`
            insert into quarantine (repository, digest, why) values (${test.api}, ${digest("v2")}, 'failed')`
          const statement = yield* prepare(test)
          const held = yield* holding("select from repository where name = $1 for no key update", [test.api])
          const watching = yield* session
          const waits = yield* Effect.forkChild(statement)
          yield* until(Effect.map(waiters(watching, held.pid), (n) => n === 1))
          for (const table of own) {
            // Locked by somebody it would be an error.
            yield* run(watching, `select from ${table} where repository = $1 for update nowait`, [test.api])
          }
          yield* held.release
          yield* Fiber.join(waits)
        }).pipe(Effect.scoped)
    )

    it.effect.each([
      [
        "change",
        "select from quarantine where repository = $1 for update",
        ({ store, api }: Leading) =>
          store.change({ repository: api, autoDeploy: false, lift: digest("v2"), ...person })
      ],
      [
        "orderRollout",
        "select from attempt where repository = $1 for update",
        ({ store, api }: Leading, attempt: Attempt["id"]) =>
          store.orderRollout({ repository: api, attempt, order: "fail", ...person })
      ]
    ] as const)("S1: who has the repository keeps nobody from telling of it: %s", ([, lock, statement]) =>
      Effect.gen(function* () {
        const test = yield* leading
        const { id } = yield* rollout(test)
        yield* test.pool`
            insert into quarantine (repository, digest, why) values (${test.api}, ${digest("v2")}, 'failed')`
        const held = yield* holding(lock, [test.api])
        const watching = yield* session
        const waits = yield* Effect.forkChild(statement(test, id))
        yield* until(Effect.map(waiters(watching, held.pid), (n) => n === 1))
        // What a row of the outbox takes, whose writer may have the attempt by then.
        yield* run(watching, "select from repository where name = $1 for key share nowait", [test.api])
        yield* held.release
        yield* Fiber.join(waits)
      }).pipe(Effect.scoped)
    )

    it.effect(
      "S1: several repositories are locked by their names, whatever the order in which they are given",
      () =>
        Effect.gen(function* () {
          const { store } = yield* leading
          const [first = "", last = ""] = [randomUUID(), randomUUID()].toSorted()
          yield* store.adopt([watched(last)])
          yield* store.adopt([watched(first)])
          const held = yield* holding("select from repository where name = $1 for no key update", [first])
          const watching = yield* session
          const waits = yield* Effect.forkChild(store.adopt([inJob(last, "other"), inJob(first, "other")]))
          yield* until(Effect.map(waiters(watching, held.pid), (n) => n === 1))
          yield* run(watching, "select from repository where name = $1 for update nowait", [last])
          yield* held.release
          yield* Fiber.join(waits)
        }).pipe(Effect.scoped)
    )

    it.effect(
      "S1: a person who fails a rollout at the very moment in which it ends waits for no deadlock",
      () =>
        Effect.gen(function* () {
          const test = yield* leading
          const { store, fence, api } = test
          const made = yield* rollout(test)
          const watching = yield* session
          // Whoever comes to the attempt waits here, with what it has by then.
          const held = yield* holding("select from attempt where id = $1 for update", [made.id])
          const ends = yield* Effect.forkChild(store.end(fence, ending(made)))
          yield* until(Effect.map(waiters(watching, held.pid), (n) => n === 1))
          const fails = yield* Effect.forkChild(
            store.orderRollout({ repository: api, attempt: made.id, order: "fail", ...person })
          )
          yield* until(Effect.map(waiters(watching, held.pid), (n) => n === 2))
          yield* held.release
          assert.isTrue(yield* Fiber.join(ends))
          assert.isFalse((yield* Fiber.join(fails)).ordered)
          const deadlocks = yield* run(
            watching,
            "select deadlocks::int as n from pg_stat_database where datname = current_database()"
          )
          assert.deepStrictEqual(deadlocks, [{ n: 0 }])
        }).pipe(Effect.scoped)
    )
  })
)
