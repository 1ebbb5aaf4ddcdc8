import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { AttemptState } from "../../src/domain/Attempt.ts"
import { Tag } from "../../src/domain/Tag.ts"
import { Database } from "../../src/store/Database.ts"
import type { Fence } from "../../src/store/Leader.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { layerFreshStore, noPostgres } from "../real/postgres.ts"
import { digest, jobOf, leading, newFence, person, seen, taken, target } from "./rows.ts"

const stateOf = (id: string) =>
  Effect.flatMap(Database, ({ pool }) =>
    pool<{ readonly state: AttemptState }>`select state from attempt where id = ${id}::uuid`.pipe(
      Effect.map(([row]) => row?.state)
    )
  )

/** Takes an attempt from its intent to the state. */
const reach = Effect.fnUntraced(function* (
  { store, fence, intent }: Effect.Success<typeof leading>,
  state: AttemptState
) {
  const { id } = intent()
  yield* store.intend(fence, intent({ id }))
  if (state !== "intended") yield* store.submit(fence, id)
  if (state === "unknown") yield* store.move(fence, id, "unknown", "")
  if (state === "accepted") yield* store.accept(fence, id, taken)
  return id
})

const moves = ["intended", "unknown", "conflict", "rejected", "lost", "aborted"] as const
const edges: ReadonlyArray<readonly [from: AttemptState, to: AttemptState]> = [
  ["intended", "submitted"],
  ["intended", "aborted"],
  ["submitted", "accepted"],
  ["submitted", "conflict"],
  ["submitted", "rejected"],
  ["submitted", "unknown"],
  ["submitted", "intended"],
  ["unknown", "accepted"],
  ["unknown", "conflict"],
  ["unknown", "intended"],
  ["unknown", "lost"]
]
const pairs = (["intended", "submitted", "unknown", "accepted"] as const).flatMap((from) =>
  (["submitted", "accepted", ...moves] as const)
    .filter((to) => to !== from)
    .map((to) => ({ from, to, may: edges.some(([a, b]) => a === from && b === to) }))
)

const step = (fence: Fence, id: Parameters<StateStore["Service"]["submit"]>[1], to: AttemptState) =>
  Effect.flatMap(StateStore, (store) => {
    if (to === "submitted") return store.submit(fence, id)
    if (to === "accepted") return store.accept(fence, id, taken)
    const move = moves.find((each) => each === to)
    return move === undefined ? Effect.die(to) : store.move(fence, id, move, "words")
  })

describe.skipIf(noPostgres)("attempts", () =>
  layer(layerFreshStore)((it) => {
    it.effect.each(pairs)("S1: $from → $to: $may", ({ from, to, may }) =>
      Effect.gen(function* () {
        const test = yield* leading
        const { fence } = test
        const id = yield* reach(test, from)
        assert.strictEqual(yield* step(fence, id, to), may)
        assert.strictEqual(yield* stateOf(id), may ? to : from)
      })
    )

    it.effect.each(pairs.filter(({ may }) => may))(
      "S1: $from → $to not with the fence of a holder before",
      ({ from, to }) =>
        Effect.gen(function* () {
          const test = yield* leading
          const { fence } = test
          const id = yield* reach(test, from)
          yield* newFence
          assert.isFalse(yield* step(fence, id, to))
          assert.strictEqual(yield* stateOf(id), from)
        })
    )

    it.effect("S1: not with the right epoch and another holder", () =>
      Effect.gen(function* () {
        const { store, fence, intent } = yield* leading
        const other = { ...fence, holder: intent().id }
        assert.isFalse(yield* store.intend(other, intent()))
        assert.isTrue(yield* store.intend(fence, intent()))
      })
    )

    it.effect("S1: a job has one open attempt, also of another repository", () =>
      Effect.gen(function* () {
        const { store, fence, intent } = yield* leading
        assert.isTrue(yield* store.intend(fence, intent()))
        assert.isFalse(yield* store.intend(fence, intent()))
        assert.isTrue(yield* store.intend(fence, intent({ job: jobOf("other") })))
      })
    )

    it.effect("S1: of twenty at once, one is intended", () =>
      Effect.gen(function* () {
        const { store, fence, intent } = yield* leading
        const all = yield* Effect.all(
          Array.from({ length: 20 }, () => store.intend(fence, intent())),
          { concurrency: "unbounded" }
        )
        assert.lengthOf(
          all.filter((made) => made),
          1
        )
      })
    )

    it.effect("S7: an intent that is written twice is one", () =>
      Effect.gen(function* () {
        const { store, fence, api, intent } = yield* leading
        const once = intent()
        assert.isTrue(yield* store.intend(fence, once))
        assert.isFalse(yield* store.intend(fence, once))
        assert.lengthOf(yield* store.attempts(api, 10), 1)
      })
    )

    it.effect("S15: what another holder intended is not submitted by the next", () =>
      Effect.gen(function* () {
        const { store, fence, intent } = yield* leading
        const made = intent()
        yield* store.intend(fence, made)
        assert.isFalse(yield* store.submit(yield* newFence, made.id))
      })
    )

    it.effect("S15: submit refuses once the generation is another", () =>
      Effect.gen(function* () {
        const { store, fence, api, intent } = yield* leading
        const { id } = yield* Effect.tap(Effect.succeed(intent()), (made) => store.intend(fence, made))
        yield* store.change({ repository: api, pinnedTag: Tag.make("v1"), ...person })
        assert.isFalse(yield* store.submit(fence, id))
      })
    )

    it.effect(
      "S13: after auto_deploy = false no automatic attempt is submitted, of its generation either",
      () =>
        Effect.gen(function* () {
          const { store, fence, api, intent } = yield* leading
          const { generation } = yield* store.change({ repository: api, autoDeploy: false, ...person })
          const automatic = intent({ generation })
          yield* store.intend(fence, automatic)
          assert.isFalse(yield* store.submit(fence, automatic.id))
        })
    )

    it.effect("S15: a request passes auto_deploy = false while it is open, and not after", () =>
      Effect.gen(function* () {
        const { store, fence, api, intent } = yield* leading
        yield* store.change({ repository: api, request: "redeploy", ...person })
        const off = yield* store.change({ repository: api, autoDeploy: false, ...person })
        assert.strictEqual(off.requestedGeneration, 2)
        const requested = intent({ generation: off.generation, reason: "requested" })
        yield* store.intend(fence, requested)
        assert.isTrue(yield* store.submit(fence, requested.id))
        yield* store.accept(fence, requested.id, taken)
        const again = intent({ generation: off.generation, reason: "requested" })
        yield* store.intend(fence, again)
        assert.isFalse(yield* store.submit(fence, again.id))
      })
    )

    it.effect.each([
      { by: "accept", closes: true, reason: "requested" },
      { by: "rejected", closes: true, reason: "requested" },
      { by: "conflict", closes: false, reason: "requested" },
      { by: "accept", closes: false, reason: "new_version" },
      { by: "rejected", closes: false, reason: "new_version" }
    ] as const)("$by of a $reason attempt closes the request: $closes", ({ by, closes, reason }) =>
      Effect.gen(function* () {
        const { store, fence, api, intent } = yield* leading
        yield* store.change({ repository: api, request: "redeploy", ...person })
        // The switch raises the generation and drops no request.
        yield* store.change({ repository: api, autoDeploy: false, ...person })
        const { generation } = yield* store.change({ repository: api, autoDeploy: true, ...person })
        const made = intent({ generation, reason })
        yield* store.intend(fence, made)
        assert.isTrue(yield* store.submit(fence, made.id))
        yield* by === "accept" ? store.accept(fence, made.id, taken) : store.move(fence, made.id, by, "words")
        const after = yield* store.desired(api)
        assert.strictEqual(after.requestedGeneration, closes ? null : 2)
        assert.strictEqual(after.requestKind, closes ? null : "redeploy")
        assert.strictEqual(after.requestedBy, closes ? null : "ann")
      })
    )

    it.effect("a request that came after the intent stays open", () =>
      Effect.gen(function* () {
        const { store, fence, api, intent } = yield* leading
        const { generation } = yield* store.change({ repository: api, request: "redeploy", ...person })
        const made = intent({ generation, reason: "requested" })
        yield* store.intend(fence, made)
        yield* store.submit(fence, made.id)
        const later = yield* store.change({ repository: api, request: "reset", ...person })
        yield* store.accept(fence, made.id, taken)
        assert.strictEqual((yield* store.desired(api)).requestedGeneration, later.generation)
      })
    )

    it.effect.each([
      { by: "accept", names: "v2", closes: true },
      { by: "rejected", names: "v2", closes: true },
      { by: "accept", names: "v3", closes: false },
      { by: "accept", names: null, closes: false }
    ] as const)(
      "$by of an attempt closes a later request that names $names: $closes",
      ({ by, names, closes }) =>
        Effect.gen(function* () {
          const { store, fence, api, intent } = yield* leading
          const made = intent()
          yield* store.intend(fence, made)
          yield* store.submit(fence, made.id)
          const named = names === null ? {} : { requestTag: target(names).tag, requestDigest: digest(names) }
          const { generation } = yield* store.change({
            repository: api,
            request: "redeploy",
            ...named,
            ...person
          })
          yield* by === "accept"
            ? store.accept(fence, made.id, taken)
            : store.move(fence, made.id, by, "words")
          const after = yield* store.desired(api)
          assert.strictEqual(after.requestedGeneration, closes ? null : generation)
          assert.strictEqual(after.requestTag, closes || names === null ? null : target(names).tag)
          assert.strictEqual(after.highWaterMark, closes && by === "accept" ? target("v2").tag : null)
        })
    )

    it.effect.each([
      { reason: "requested" as const, mark: Tag.make("v2") },
      { reason: "new_version" as const, mark: Tag.make("v9") }
    ])("accept of a $reason attempt: baseline is its target, the mark is $mark", ({ reason, mark }) =>
      Effect.gen(function* () {
        const { store, fence, api, accepted } = yield* leading
        yield* store.setBaseline(fence, api, { ...seen("v1"), raiseTo: Tag.make("v9") })
        yield* accepted({ reason, generation: 1 })
        const after = yield* store.desired(api)
        const [attempt] = yield* store.attempts(api, 1)
        assert.deepInclude(after, {
          baselineTag: target("v2").tag,
          baselineDigest: digest("v2"),
          highWaterMark: mark
        })
        assert.deepInclude(attempt, { nomadIndex: 11, nomadVersion: 4, evalId: "e", phase: "rolling" })
        assert.deepEqual(attempt?.acceptedAt, after.baselineAt)
      })
    )

    it.effect("S6: the age is counted from the last submission, by Postgres's clock", () =>
      Effect.gen(function* () {
        const test = yield* leading
        const { store, fence, pool } = test
        const id = yield* reach(test, "unknown")
        yield* pool`update attempt set submitted_at = submitted_at - interval '44 seconds' where id = ${id}::uuid`
        const before = yield* store.age(id)
        assert.isTrue(before >= 44_000 && before < 45_000)
        yield* store.move(fence, id, "intended", "proved absent")
        yield* store.submit(fence, id)
        assert.isBelow(yield* store.age(id), 1000)
      })
    )

    it.effect("Raft indexes beyond 32 bits come back as they were", () =>
      Effect.gen(function* () {
        const { store, fence, api, intent } = yield* leading
        const big = 2 ** 52
        yield* store.intend(fence, intent({ baseIndex: big }))
        assert.strictEqual((yield* store.attempts(api, 1))[0]?.baseIndex, big)
      })
    )

    it.effect("X20: every edge of an attempt is audited, and no row of the audit can be changed", () =>
      Effect.gen(function* () {
        const { store, fence, pool, accepted } = yield* leading
        const made = yield* accepted()
        yield* store.end(fence, { ...ending(made.id), words: "healthy" })
        const rows = yield* pool`
        select action, why, after ->> 'tag' as tag from audit where attempt = ${made.id}::uuid order by id`
        assert.deepEqual(rows, [
          { action: "attempt intended", why: "new_version", tag: "v2" },
          { action: "attempt submitted", why: "new_version", tag: "v2" },
          { action: "attempt accepted", why: "new_version", tag: "v2" },
          { action: "attempt succeeded", why: "new_version: healthy", tag: "v2" }
        ])
        for (const edit of ["update audit set why = ''", "delete from audit", "truncate audit"]) {
          const error = yield* Effect.flip(pool.unsafe(edit))
          assert.include(String(error.reason.cause), "audit is append-only")
        }
      })
    )
  })
)

const ending = (attempt: Parameters<StateStore["Service"]["submit"]>[1]) => ({
  attempt,
  outcome: "succeeded" as const,
  words: "",
  nomadVersion: null,
  deploymentId: null,
  blame: null,
  swallowed: false,
  baseline: null,
  raise: null
})
