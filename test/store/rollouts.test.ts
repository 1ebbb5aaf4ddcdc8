import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { AttemptId } from "../../src/domain/Attempt.ts"
import { Tag } from "../../src/domain/Tag.ts"
import type { Ending } from "../../src/store/StateStore.ts"
import { layerFreshStore, noPostgres } from "../real/postgres.ts"
import { digest, jobOf, leading, newFence, target, versionsOf } from "./rows.ts"

const ending = (attempt: AttemptId, over: Partial<Ending> = {}): Ending => ({
  attempt,
  outcome: "succeeded",
  words: "healthy",
  nomadVersion: null,
  deploymentId: null,
  quarantine: null,
  baseline: null,
  raise: false,
  ...over
})
const rolling = { phase: "slow" as const, words: "1 of 2", nomadVersion: 4, deploymentId: "d" }

describe.skipIf(noPostgres)("rollouts", () =>
  layer(layerFreshStore)((it) => {
    it.effect("a phase is kept while the attempt rolls, and with the standing fence only", () =>
      Effect.gen(function* () {
        const { store, fence, api, accepted, intent } = yield* leading
        const { id } = yield* accepted()
        assert.isTrue(yield* store.setPhase(fence, id, rolling))
        assert.deepInclude((yield* store.attempts(api, 1))[0], rolling)
        const open = intent()
        yield* store.intend(fence, open)
        assert.isFalse(yield* store.setPhase(fence, open.id, rolling))
        yield* newFence
        assert.isFalse(yield* store.setPhase(fence, id, { ...rolling, phase: "rolling" }))
        assert.strictEqual((yield* store.attempts(api, 2))[1]?.phase, "slow")
      })
    )

    it.effect("L2: the same phase again is true and writes nothing", () =>
      Effect.gen(function* () {
        const { store, fence, accepted } = yield* leading
        const { id } = yield* accepted()
        yield* store.setPhase(fence, id, rolling)
        const before = yield* versionsOf("attempt", "audit")
        assert.isTrue(yield* store.setPhase(fence, id, rolling))
        assert.deepEqual(yield* versionsOf("attempt", "audit"), before)
      })
    )

    it.effect("what a later attempt of ours has set is left alone by the end of the one before", () =>
      Effect.gen(function* () {
        const { store, fence, api, accepted } = yield* leading
        const first = yield* accepted()
        const second = yield* accepted({ reason: "requested", to: target("v1") })
        const rolledBack = { outcome: "reverted" as const, baseline: target("v0") }
        yield* store.end(fence, ending(first.id, { ...rolledBack, raise: true }))
        assert.deepInclude(yield* store.desired(api), {
          baselineTag: Tag.make("v1"),
          highWaterMark: Tag.make("v1")
        })
        const third = yield* accepted()
        const swallowed = yield* accepted({ to: target("v3") })
        yield* store.end(fence, ending(swallowed.id, { outcome: "superseded" }))
        yield* store.end(fence, ending(third.id, { ...rolledBack, raise: true }))
        assert.deepInclude(yield* store.desired(api), {
          baselineTag: Tag.make("v0"),
          highWaterMark: Tag.make("v2")
        })
        yield* store.end(fence, ending(second.id))
      })
    )

    it.effect("an end is written once, by the standing fence, and keeps what is known of the version", () =>
      Effect.gen(function* () {
        const { store, fence, api, accepted } = yield* leading
        const { id } = yield* accepted()
        assert.isFalse(yield* store.end({ ...fence, epoch: fence.epoch - 1 }, ending(id)))
        assert.isTrue(yield* store.end(fence, ending(id, { deploymentId: "d" })))
        assert.isFalse(yield* store.end(fence, ending(id, { outcome: "failed" })))
        const [attempt] = yield* store.attempts(api, 1)
        assert.deepInclude(attempt, {
          state: "succeeded",
          phase: null,
          words: "healthy",
          nomadVersion: 4,
          deploymentId: "d"
        })
        assert.isNotNull(attempt?.endedAt)
      })
    )

    it.effect.each([
      { raise: true, mark: Tag.make("v2") },
      { raise: false, mark: null }
    ])("S8: raise $raise: the mark is $mark", ({ raise, mark }) =>
      Effect.gen(function* () {
        const { store, fence, api, accepted } = yield* leading
        const { id } = yield* accepted()
        const before = yield* store.desired(api)
        yield* store.end(fence, ending(id, { raise }))
        assert.deepEqual(yield* store.desired(api), { ...before, highWaterMark: mark })
      })
    )

    it.effect("S11: a revert quarantines the digest and sets the baseline, in one transaction", () =>
      Effect.gen(function* () {
        const { store, fence, api, accepted } = yield* leading
        const { id } = yield* accepted()
        const until = new Date("2030-01-01T00:00:00Z")
        yield* store.end(
          fence,
          ending(id, {
            outcome: "reverted",
            quarantine: { why: "unhealthy", until },
            baseline: target("v1")
          })
        )
        const { quarantine } = yield* store.history(api, jobOf(api), [])
        assert.deepEqual(quarantine, [{ digest: digest("v2"), why: "unhealthy", until, failures: 0 }])
        assert.deepInclude(yield* store.desired(api), {
          baselineTag: Tag.make("v1"),
          baselineDigest: digest("v1"),
          highWaterMark: null
        })
      })
    )

    it.effect("S11: a digest that fails again is quarantined anew, for good", () =>
      Effect.gen(function* () {
        const { store, fence, api, accepted } = yield* leading
        for (const until of [new Date("2030-01-01T00:00:00Z"), null]) {
          const { id } = yield* accepted()
          yield* store.end(
            fence,
            ending(id, { outcome: "failed", quarantine: { why: `until ${until?.getTime()}`, until } })
          )
        }
        const { quarantine } = yield* store.history(api, jobOf(api), [])
        assert.deepEqual(quarantine, [
          { digest: digest("v2"), why: "until undefined", until: null, failures: 0 }
        ])
      })
    )

    it.effect("attempts come newest first, as many as asked for", () =>
      Effect.gen(function* () {
        const { store, fence, api, accepted } = yield* leading
        const made = []
        for (const tag of ["v1", "v2", "v3"]) {
          const { id } = yield* accepted({ to: target(tag) })
          yield* store.end(fence, ending(id))
          made.push(id)
        }
        const ids = (yield* store.attempts(api, 2)).map(({ id }) => id)
        assert.deepEqual(ids, made.toReversed().slice(0, 2))
      })
    )
  })
)

describe.skipIf(noPostgres)("takeOver", () => {
  it.effect(
    "L4: aborts the intents of other holders, and answers what is open or rolling, oldest first",
    () =>
      Effect.gen(function* () {
        const { store, fence, accepted, intent, api } = yield* leading
        const jobs = ["a", "b", "c", "d"].map(jobOf)
        const [ended, rolls, sent, intended] = jobs.map((job) => intent({ job }))
        if (!ended || !rolls || !sent || !intended) return assert.fail()
        yield* store.end(fence, ending((yield* accepted({ ...ended })).id))
        yield* accepted({ ...rolls })
        yield* store.intend(fence, sent)
        yield* store.submit(fence, sent.id)
        yield* store.intend(fence, intended)

        const next = yield* newFence
        assert.deepEqual(yield* store.takeOver(fence), [])
        const own = intent({ job: jobOf("e") })
        yield* store.intend(next, own)
        const left = yield* store.takeOver(next)
        assert.deepEqual(
          left.map(({ id, state }) => [id, state]),
          [
            [rolls.id, "accepted"],
            [sent.id, "submitted"],
            [own.id, "intended"]
          ]
        )
        assert.strictEqual(
          (yield* store.attempts(api, 10)).find(({ id }) => id === intended.id)?.state,
          "aborted"
        )
        // What was sent by the one before is settled, and sent again, by the next.
        assert.isTrue(yield* store.move(next, sent.id, "intended", "proved absent"))
        assert.isTrue(yield* store.submit(next, sent.id))
      }).pipe(Effect.provide(layerFreshStore))
  )
})
