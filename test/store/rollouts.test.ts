import { assert, describe, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { AttemptId } from "../../src/domain/Attempt.ts"
import type { Blame } from "../../src/domain/Blame.ts"
import type { Digest } from "../../src/domain/Digest.ts"
import type { RequestKind } from "../../src/domain/RequestKind.ts"
import { Tag } from "../../src/domain/Tag.ts"
import type { Ending } from "../../src/store/rollouts.ts"
import { layerFreshStore, noPostgres } from "../real/postgres.ts"
import { digest, jobOf, leading, newFence, person, seen, target, versionsOf, watched } from "./rows.ts"

const ending = (attempt: AttemptId, over: Partial<Ending> = {}): Ending => ({
  attempt,
  outcome: "succeeded",
  words: "healthy",
  nomadVersion: null,
  deploymentId: null,
  blame: null,
  swallowed: false,
  baseline: null,
  raise: null,
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

    it.effect("S8: a request that failed leaves the mark as it was, unless a later one set it", () =>
      Effect.gen(function* () {
        const { store, fence, api, accepted } = yield* leading
        yield* store.setBaseline(fence, api, { ...seen("v1"), raiseTo: Tag.make("v1") })
        const failed = { outcome: "failed" as const, blame: "image" as const }
        const first = yield* accepted({ reason: "requested" })
        assert.strictEqual((yield* store.desired(api)).highWaterMark, Tag.make("v2"))
        yield* store.end(fence, ending(first.id, failed))
        assert.strictEqual((yield* store.desired(api)).highWaterMark, Tag.make("v1"))
        const second = yield* accepted({ reason: "requested" })
        yield* accepted({ reason: "requested" })
        yield* store.end(fence, ending(second.id, failed))
        assert.strictEqual((yield* store.desired(api)).highWaterMark, Tag.make("v2"))
      })
    )

    it.effect("what a later attempt of ours has set is left alone by the end of the one before", () =>
      Effect.gen(function* () {
        const { store, fence, api, accepted } = yield* leading
        const first = yield* accepted()
        const second = yield* accepted({ reason: "requested", to: target("v1") })
        const rolledBack = { outcome: "reverted" as const, baseline: seen("v0") }
        yield* store.end(fence, ending(first.id, { ...rolledBack, raise: { over: Tag.make("v1") } }))
        assert.deepInclude(yield* store.desired(api), {
          baselineTag: Tag.make("v1"),
          baselineAllAt: null,
          highWaterMark: Tag.make("v1")
        })
        const third = yield* accepted()
        const swallowed = yield* accepted({ to: target("v3") })
        yield* store.end(fence, ending(swallowed.id, { outcome: "superseded" }))
        yield* store.end(fence, ending(third.id, { ...rolledBack, raise: { over: Tag.make("v1") } }))
        assert.deepInclude(yield* store.desired(api), {
          baselineTag: Tag.make("v0"),
          highWaterMark: Tag.make("v2")
        })
        yield* store.end(fence, ending(second.id))
      })
    )

    it.effect("S22: what a later rollback left of all tasks is left alone by the end of the one before", () =>
      Effect.gen(function* () {
        const { store, fence, api, accepted } = yield* leading
        const first = yield* accepted()
        const second = yield* accepted({ to: target("v3") })
        const rolledBack = { outcome: "reverted" as const, baseline: seen("v0") }
        yield* store.end(fence, ending(second.id, rolledBack))
        const { baselineAt } = yield* store.desired(api)
        yield* store.end(fence, ending(first.id, { ...rolledBack, raise: { over: null } }))
        assert.deepInclude(yield* store.desired(api), {
          baselineAt,
          baselineAllAt: baselineAt,
          highWaterMark: Tag.make("v2")
        })
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
      { raise: { over: null }, mark: Tag.make("v2") },
      { raise: { over: Tag.make("v1") }, mark: null },
      { raise: null, mark: null }
    ])("S8: the mark is raised from what it was, and not over a pin since: $raise", ({ raise, mark }) =>
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
        const reverted = { outcome: "reverted" as const, words: "unhealthy", blame: "image" as const }
        yield* store.end(fence, ending(id, { ...reverted, baseline: seen("v1") }))
        const { baselineAt, baselineAllAt } = yield* store.desired(api)
        assert.deepEqual(baselineAllAt, baselineAt)
        const { quarantine } = (yield* store.remembered(api, jobOf(api), [])).history
        assert.deepEqual(quarantine, [{ digest: digest("v2"), why: "unhealthy", until: null, failures: 0 }])
        assert.strictEqual((yield* store.attempts(api, 1))[0]?.blame, "image")
        assert.deepInclude(yield* store.desired(api), {
          baselineTag: Tag.make("v1"),
          baselineDigest: digest("v1"),
          highWaterMark: null
        })
      })
    )

    /** Fails the same digest once for each blame; answers failures and minutes of its quarantine after each. */
    const failing = Effect.fnUntraced(function* (...blames: ReadonlyArray<Blame>) {
      const { store, fence, api, accepted, pool } = yield* leading
      const found: Array<string> = []
      for (const blame of blames) {
        const { id } = yield* accepted()
        yield* store.end(fence, ending(id, { outcome: "failed", blame }))
        const rows = yield* pool<{ readonly row: string }>`
          select failures || ' for ' || coalesce((extract(epoch from until - since) / 60)::int || ' min', 'good') as row
          from quarantine where repository = ${api} and digest = ${digest("v2")}`
        found.push(rows.map(({ row }) => row).join())
      }
      return found
    })

    it.effect.each<{
      readonly sentence: string
      readonly blames: ReadonlyArray<Blame>
      readonly rows: ReadonlyArray<string>
    }>([
      {
        sentence: "surroundings: 15 minutes, doubled, three retries, then for good",
        blames: ["surroundings", "surroundings", "surroundings", "surroundings", "surroundings"],
        rows: ["1 for 15 min", "2 for 30 min", "3 for 60 min", "4 for good", "5 for good"]
      },
      {
        sentence: "unknown counts likewise",
        blames: ["unknown", "surroundings"],
        rows: ["1 for 15 min", "2 for 30 min"]
      },
      {
        sentence: "the image's fault is for good",
        blames: ["surroundings", "image"],
        rows: ["1 for 15 min", "0 for good"]
      },
      {
        sentence: "and stays so whatever comes after",
        blames: ["image", "surroundings"],
        rows: ["0 for good", "0 for good"]
      },
      {
        sentence: "others, where nobody else failed, are as unknown",
        blames: ["others"],
        rows: ["1 for 15 min"]
      }
    ])("S11: $sentence", ({ blames, rows }) =>
      Effect.gen(function* () {
        assert.deepEqual(yield* failing(...blames), rows)
      })
    )

    it.effect("S11: a success lifts the quarantine of its digest, and of no other", () =>
      Effect.gen(function* () {
        const { store, fence, api, accepted } = yield* leading
        for (const tag of ["v2", "v3"]) {
          const { id } = yield* accepted({ to: target(tag) })
          yield* store.end(fence, ending(id, { outcome: "failed", blame: "surroundings" }))
        }
        const { id } = yield* accepted({ to: target("v3") })
        yield* store.end(fence, ending(id))
        const { quarantine } = (yield* store.remembered(api, jobOf(api), [])).history
        assert.deepEqual(
          quarantine.map((each) => each.digest),
          [digest("v2")]
        )
      })
    )

    it.effect("S11: a success lifts no quarantine of what a person failed, which came too late", () =>
      Effect.gen(function* () {
        const { store, fence, api, accepted } = yield* leading
        const { id } = yield* accepted()
        yield* store.setPhase(fence, id, { ...rolling, deploymentId: "d1" })
        yield* store.orderRollout({ repository: api, attempt: id, order: "fail", ...person })
        yield* store.end(fence, ending(id, { deploymentId: "d1" }))
        const { quarantine } = (yield* store.remembered(api, jobOf(api), [])).history
        assert.deepStrictEqual(
          quarantine.map(({ why, until }) => [why, until]),
          [["failed by ann", null]]
        )
      })
    )

    const asked = { reason: "requested" as const, request: { kind: "redeploy" as const, by: "ann" } }

    it.effect("S11: what a person failed is not made anew where a rollback swallowed it", () =>
      Effect.gen(function* () {
        const { store, fence, api, accepted } = yield* leading
        const { id } = yield* accepted(asked)
        yield* store.setPhase(fence, id, { ...rolling, deploymentId: "d1" })
        yield* store.orderRollout({ repository: api, attempt: id, order: "fail", ...person })
        yield* store.end(fence, ending(id, { outcome: "superseded", swallowed: true, deploymentId: "d1" }))
        assert.isNull((yield* store.desired(api)).requestedGeneration)
      })
    )

    it.effect.each<{ readonly first: Blame; readonly kept: number }>([
      { first: "image", kept: 0 },
      { first: "others", kept: 1 }
    ])("S11: of two repositories the other is spared where one is to blame: $first", ({ first, kept }) =>
      Effect.gen(function* () {
        const { store, fence, api, accepted } = yield* leading
        const other = watched(`${api}-other`)
        yield* store.adopt([other])
        const mine = yield* accepted()
        const theirs = yield* accepted({ repository: other.name, job: jobOf(api) })
        yield* store.end(fence, ending(theirs.id, { outcome: "reverted", blame: first }))
        yield* store.end(fence, ending(mine.id, { outcome: "reverted", blame: "others" }))
        assert.lengthOf((yield* store.remembered(api, jobOf(api), [])).history.quarantine, kept)
        assert.lengthOf((yield* store.remembered(other.name, jobOf(api), [])).history.quarantine, 1)
      })
    )

    it.effect.each<{
      readonly sentence: string
      readonly told: Blame
      readonly deployment?: string
      readonly isLast?: boolean
      readonly blame: Blame
      readonly kept: number
    }>([
      { sentence: "nobody can tell", told: "unknown", blame: "others", kept: 0 },
      {
        sentence: "nobody can tell, and it ends last",
        told: "unknown",
        isLast: true,
        blame: "others",
        kept: 0
      },
      { sentence: "it was not placed yet", told: "surroundings", blame: "others", kept: 0 },
      { sentence: "its tasks were well", told: "others", blame: "others", kept: 0 },
      { sentence: "its own tasks had failed: it is", told: "image", blame: "image", kept: 1 },
      {
        sentence: "it was another deployment: as ever",
        told: "unknown",
        deployment: "d2",
        blame: "unknown",
        kept: 1
      }
    ])(
      "S11: who shares a deployment with what a person failed is not blamed for it: $sentence",
      ({ told, deployment = "d1", isLast = false, blame, kept }) =>
        Effect.gen(function* () {
          const { store, fence, api, accepted } = yield* leading
          const other = watched(`${api}-other`)
          yield* store.adopt([other])
          const mine = yield* accepted(asked)
          const theirs = yield* accepted({ repository: other.name, job: jobOf(api) })
          const shared = { ...rolling, deploymentId: "d1" }
          for (const { id } of [mine, theirs]) yield* store.setPhase(fence, id, shared)
          const order = { repository: other.name, attempt: theirs.id, order: "fail", ...person } as const
          assert.isTrue((yield* store.orderRollout(order)).ordered)
          const ends = [
            ending(mine.id, {
              outcome: "reverted",
              words: "rolled back",
              blame: told,
              deploymentId: deployment
            }),
            ending(theirs.id, { outcome: "reverted", blame: "image", deploymentId: "d1" })
          ]
          for (const end of isLast ? ends.toReversed() : ends) assert.isTrue(yield* store.end(fence, end))
          const said =
            blame === "others" ? `; ann failed the rollout of ${other.name}, and this one with it` : ""
          assert.deepInclude(yield* store.attempt(mine.id), { blame, words: `rolled back${said}` })
          assert.lengthOf((yield* store.remembered(api, jobOf(api), [])).history.quarantine, kept)
          assert.strictEqual((yield* store.desired(api)).requestKind, kept === 0 ? "redeploy" : null)
          assert.lengthOf((yield* store.remembered(other.name, jobOf(api), [])).history.quarantine, 1)
        })
    )

    const swallowed = { outcome: "superseded" as const, swallowed: true, baseline: seen("v1") }

    it.effect(
      "T16: what a rollback swallowed opens its request again, and the baseline is what came back",
      () =>
        Effect.gen(function* () {
          const { store, fence, api, accepted, pool } = yield* leading
          const { generation } = yield* store.change({ repository: api, request: "redeploy", ...person })
          const { id } = yield* accepted({ ...asked, generation })
          assert.isNull((yield* store.desired(api)).requestedGeneration)
          yield* store.end(fence, ending(id, swallowed))
          assert.deepInclude(yield* store.desired(api), {
            generation,
            requestedGeneration: generation,
            requestKind: "redeploy",
            requestedBy: "ann",
            requestTag: Tag.make("v2"),
            requestDigest: null,
            baselineTag: Tag.make("v1")
          })
          assert.lengthOf((yield* store.remembered(api, jobOf(api), [])).history.quarantine, 0)
          assert.lengthOf(
            yield* pool`select from audit where attempt = ${id}::uuid and action = 'request opened again'`,
            1
          )
        })
    )

    it.effect.each<{ readonly kind: RequestKind; readonly tag: Tag | null; readonly names: Digest | null }>([
      { kind: "pin", tag: null, names: null },
      { kind: "reset", tag: null, names: null },
      { kind: "rollback", tag: Tag.make("v2"), names: digest("v2") }
    ])("T16: a $kind that is opened again names what it named", ({ kind, tag, names }) =>
      Effect.gen(function* () {
        const { store, fence, api, accepted } = yield* leading
        const { id } = yield* accepted({ ...asked, request: { kind, by: "ann" } })
        yield* store.end(fence, ending(id, swallowed))
        assert.deepInclude(yield* store.desired(api), {
          requestKind: kind,
          requestTag: tag,
          requestDigest: names
        })
      })
    )

    it.effect("S11: a request whose attempt fell with another repository's opens again", () =>
      Effect.gen(function* () {
        const { store, fence, api, accepted } = yield* leading
        const other = watched(`${api}-other`)
        yield* store.adopt([other])
        const mine = yield* accepted(asked)
        const theirs = yield* accepted({ ...asked, repository: other.name, job: jobOf(api) })
        yield* store.end(fence, ending(theirs.id, { outcome: "reverted", blame: "image" }))
        yield* store.end(fence, ending(mine.id, { outcome: "reverted", blame: "others" }))
        assert.strictEqual((yield* store.desired(api)).requestKind, "redeploy")
        assert.isNull((yield* store.desired(other.name)).requestKind)
      })
    )

    it.effect.each([
      { sentence: "an automatic one", made: { reason: "new_version" as const }, next: "nothing" },
      { sentence: "one that was superseded otherwise", made: asked, next: "superseded" },
      { sentence: "one that a later attempt followed", made: asked, next: "attempt" },
      { sentence: "one after which a request was refused", made: asked, next: "refused" }
    ])("T16: no request opens again for $sentence", ({ made, next }) =>
      Effect.gen(function* () {
        const { store, fence, api, accepted, intent } = yield* leading
        const { id } = yield* accepted(made)
        if (next === "attempt") yield* accepted({ to: target("v3") })
        if (next === "refused") {
          const refused = intent({ ...asked, to: target("v3") })
          yield* store.intend(fence, refused)
          yield* store.submit(fence, refused.id)
          yield* store.move(fence, refused.id, "rejected", "no such driver")
        }
        yield* store.end(fence, ending(id, { ...swallowed, swallowed: next !== "superseded" }))
        assert.isNull((yield* store.desired(api)).requestedGeneration)
      })
    )

    it.effect("T16: a newer request stands", () =>
      Effect.gen(function* () {
        const { store, fence, api, accepted } = yield* leading
        const { id } = yield* accepted(asked)
        const newer = yield* store.change({ repository: api, request: "reset", ...person })
        yield* store.end(fence, ending(id, swallowed))
        const { requestedGeneration, requestKind, requestTag } = yield* store.desired(api)
        assert.deepInclude(newer, { requestedGeneration, requestKind, requestTag })
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
