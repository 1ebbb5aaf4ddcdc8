import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { AttemptReason, AttemptState } from "../../src/domain/Attempt.ts"
import { Deploy, Follow, InSync, Stall, Wait } from "../../src/domain/Decision.ts"
import { Outbox } from "../../src/store/Outbox.ts"
import type { Intent } from "../../src/store/attempts.ts"
import type { Ending } from "../../src/store/rollouts.ts"
import { layerFreshStore, noPostgres } from "../real/postgres.ts"
import { digest, leading, person, target, watched } from "./rows.ts"

const move = { job: "", tag: "v2" }
const words = "in Nomad's words"

/** `leading`, and what is told of its repository, in the order of telling. */
const telling = Effect.gen(function* () {
  const outbox = yield* Outbox
  yield* outbox.discard
  const test = yield* leading
  const told = Effect.map(outbox.backlog(100), ({ untold }) =>
    untold.flatMap(({ notice }) => {
      const { repository, ...facts } = notice
      return repository === test.api || repository === null ? [facts] : []
    })
  )
  const end = (outcome: Ending["outcome"], { id: attempt }: Intent) =>
    test.store.end(test.fence, {
      attempt,
      outcome,
      words,
      nomadVersion: null,
      deploymentId: null,
      blame: null,
      swallowed: false,
      baseline: null,
      raise: null
    })
  return { ...test, outbox, told, end }
})

const stall = (reason: Stall["reason"], said = "words") => Stall.make({ reason, words: said, would: null })
const away = Wait.make({ reason: "nomad_unreachable", words: "", would: null, verdict: null })
const inSync = InSync.make(target("v1"))

describe.skipIf(noPostgres)("outbox", () =>
  layer(layerFreshStore)((it) => {
    const ends: ReadonlyArray<{
      readonly reason: AttemptReason
      readonly to: AttemptState
      readonly tells: ReadonlyArray<object>
    }> = [
      { reason: "new_version", to: "accepted", tells: [{ _tag: "Deploying", ...move }] },
      {
        reason: "digest_changed",
        to: "accepted",
        tells: [
          { _tag: "DigestChanged", ...move },
          { _tag: "Deploying", ...move }
        ]
      },
      {
        reason: "requested",
        to: "succeeded",
        tells: [
          { _tag: "Deploying", ...move },
          { _tag: "Succeeded", ...move }
        ]
      },
      {
        reason: "new_version",
        to: "failed",
        tells: [
          { _tag: "Deploying", ...move },
          { _tag: "Failed", ...move, words }
        ]
      },
      {
        reason: "drift",
        to: "reverted",
        tells: [
          { _tag: "Deploying", ...move },
          { _tag: "Failed", ...move, words }
        ]
      },
      { reason: "new_version", to: "superseded", tells: [{ _tag: "Deploying", ...move }] },
      { reason: "new_version", to: "rejected", tells: [{ _tag: "Rejected", ...move, words }] },
      { reason: "new_version", to: "unknown", tells: [] },
      { reason: "new_version", to: "conflict", tells: [] },
      { reason: "new_version", to: "intended", tells: [] }
    ]
    it.effect.each(ends)(
      "L12: an attempt ($reason) that gets to $to is told in this order",
      ({ reason, to, tells }) =>
        Effect.gen(function* () {
          const { store, fence, api, intent, end, told } = yield* telling
          if (reason === "requested") yield* store.change({ repository: api, request: "redeploy", ...person })
          const { generation } = yield* store.desired(api)
          const made = intent({ reason, generation })
          yield* store.intend(fence, made)
          assert.isTrue(yield* store.submit(fence, made.id))
          switch (to) {
            case "rejected":
            case "unknown":
            case "conflict":
            case "intended":
              yield* store.move(fence, made.id, to, words)
              break
            default:
              yield* store.accept(fence, made.id, { nomadIndex: 11, nomadVersion: 4, evalId: "e" })
              if (to === "succeeded" || to === "failed" || to === "reverted" || to === "superseded") {
                yield* end(to, made)
              }
          }
          assert.deepEqual(
            yield* told,
            tells.map((each) => ("job" in each ? { ...each, job: api } : each)) as never
          )
        })
    )

    it.effect("L2: the hourly try of what Nomad refuses is no news; other words are", () =>
      Effect.gen(function* () {
        const { store, fence, intent, told } = yield* telling
        const reject = Effect.fnUntraced(function* (said: string, over: Parameters<typeof intent>[0] = {}) {
          const made = intent(over)
          yield* store.intend(fence, made)
          yield* store.submit(fence, made.id)
          yield* store.move(fence, made.id, "rejected", said)
        })
        yield* reject("no such volume")
        yield* reject("no such volume")
        yield* reject("no such namespace")
        yield* reject("no such namespace", { to: target("v3") })
        assert.deepEqual(
          (yield* told).map((each) => ("words" in each ? each.words : each)),
          ["no such volume", "no such namespace", "no such namespace"]
        )
      })
    )

    it.effect("a switch of auto_deploy is told, with nothing else that a person changes", () =>
      Effect.gen(function* () {
        const { store, api, told } = yield* telling
        yield* store.change({ repository: api, autoDeploy: true, ...person })
        yield* store.change({ repository: api, pinnedTag: target("v1").tag, request: "pin", ...person })
        assert.deepEqual(yield* told, [])
        yield* store.change({ repository: api, autoDeploy: false, ...person })
        yield* store.change({ repository: api, autoDeploy: true, pinnedTag: "", ...person })
        assert.deepEqual(yield* told, [
          { _tag: "Switched", on: false },
          { _tag: "Switched", on: true }
        ])
      })
    )

    const stalls = [
      {
        sentence: "other words of the same stall, and what it waits for in between, are not told again",
        decisions: [stall("drift"), stall("drift", "other words"), away, stall("drift")],
        told: ["drift"]
      },
      {
        sentence: "what gets worse is told, and not again when it gets better",
        decisions: [inSync, stall("drift"), stall("contested"), stall("drift"), stall("contested")],
        told: ["drift", "contested"]
      },
      {
        sentence: "after the repository was in sync or moved, it is a new stall",
        decisions: [
          stall("drift"),
          inSync,
          stall("drift"),
          Deploy.make({ ...target("v1"), reason: "drift" }),
          stall("drift")
        ],
        told: ["drift", "drift", "drift"]
      },
      {
        sentence: "a job that a person stopped or removed, or that Nomad refuses, is not told as a stall",
        decisions: [stall("job_stopped"), stall("job_absent"), stall("rejected"), stall("below_what_runs")],
        told: []
      },
      {
        sentence: "the others that need a person are",
        decisions: [
          stall("unknown_marker"),
          stall("unknown_outcome"),
          stall("rollout_failed"),
          stall("task_not_found")
        ],
        told: ["unknown_marker", "unknown_outcome", "rollout_failed", "task_not_found"]
      }
    ]
    it.effect("an edit by SQL is told; what is taken over from the predecessor was told by it", () =>
      Effect.gen(function* () {
        const { store, pool, api, told } = yield* telling
        yield* pool`update repository set auto_deploy = false where name = ${api}`
        assert.deepEqual(yield* told, [{ _tag: "Switched", on: false }])
        yield* pool`
          create table deployed_repository_version as
          select name as repository_name, 'v1' as pinned_tag, true as auto_deploy from repository where name = ${api}`
        yield* store.adopt([watched(api)])
        yield* pool`drop table deployed_repository_version`
        assert.isTrue((yield* store.desired(api)).autoDeploy)
        assert.lengthOf(yield* told, 1)
      })
    )

    it.effect.each(stalls)("L2: $sentence", ({ decisions, told: expected }) =>
      Effect.gen(function* () {
        const { store, api, told } = yield* telling
        for (const decision of decisions) yield* store.saveDecision(api, decision)
        assert.deepEqual(
          (yield* told).map((each) => (each._tag === "Stalled" ? each.reason : each._tag)),
          expected as never
        )
      })
    )

    it.effect("a failed rollout is told by its attempt, and not again as a stall", () =>
      Effect.gen(function* () {
        const { store, api, accepted, end, told } = yield* telling
        yield* end("failed", yield* accepted())
        yield* store.saveDecision(api, stall("rollout_failed"))
        assert.deepEqual(
          (yield* told).map(({ _tag }) => _tag),
          ["Deploying", "Failed"]
        )
      })
    )

    it.effect("S17: the brake is told when it engages and when it is released", () =>
      Effect.gen(function* () {
        const { pool, told } = yield* telling
        const moves = JSON.stringify([
          { repository: "api", tag: "v2" },
          { repository: "web", tag: "v3" }
        ])
        yield* pool`insert into brake (moves_stopped) values (${moves}::jsonb)`
        yield* pool`update brake set moves_stopped = '[]'`
        yield* pool`update brake set released_at = now(), released_by = 'ann', moves_released = ${'["api"]'}::jsonb`
        assert.deepEqual(yield* told, [
          { _tag: "BrakeOn", moves: 2, repositories: ["api", "web"] },
          { _tag: "BrakeReleased", moves: 1, repositories: ["api"], who: "ann" }
        ])
      })
    )

    it.effect("L12: what is told is written in the transaction of what it tells of, or not at all", () =>
      Effect.gen(function* () {
        const { store, pool, api, told } = yield* telling
        const change = store.change({ repository: api, autoDeploy: false, ...person })
        yield* Effect.exit(pool.withTransaction(Effect.andThen(change, Effect.fail("rolled back"))))
        assert.deepEqual(yield* told, [])
      })
    )

    it.effect("L12: only the newest are kept; how many went stays with the oldest of them", () =>
      Effect.gen(function* () {
        const { pool, api, outbox } = yield* telling
        const write = (count: number) => pool`
          insert into outbox (repository, kind, content)
          select ${api}, 'Switched', '{"on": true}' from generate_series(1, ${count})`
        yield* write(10)
        const first = yield* outbox.backlog(4)
        assert.deepEqual([first.untold.map(({ dropped }) => dropped), first.dropped], [[6, 0, 0, 0], 6])
        yield* write(2)
        const second = yield* outbox.backlog(4)
        assert.deepEqual([second.untold.map(({ dropped }) => dropped), second.dropped], [[8, 0, 0, 0], 2])
        const third = yield* outbox.backlog(4)
        assert.deepEqual([third.untold, third.dropped], [second.untold, 0])
      })
    )

    it.effect("L11: a row that nobody can read is named, and stands in no other's way", () =>
      Effect.gen(function* () {
        const { pool, api, outbox } = yield* telling
        yield* pool`
          insert into outbox (repository, kind, content) values
            (${api}, 'Switched', '[]'), (${api}, 'Sung', '{}'), (${api}, 'Deploying', '{"job": "a", "tag": "/"}'),
            (${api}, 'Switched', '{"on": true}')`
        const { untold, unreadable } = yield* outbox.backlog(10)
        assert.lengthOf(untold, 1)
        assert.lengthOf(unreadable, 3)
        yield* outbox.drop(unreadable)
        assert.deepEqual((yield* outbox.backlog(10)).unreadable, [])
      })
    )

    it.effect("what was sent is kept a week, and nothing that was not", () =>
      Effect.gen(function* () {
        const { pool, store, api, outbox } = yield* telling
        for (const autoDeploy of [false, true, false, true]) {
          yield* store.change({ repository: api, autoDeploy, ...person })
        }
        const ids = (yield* outbox.backlog(10)).untold.map(({ id }) => id)
        yield* outbox.refused(ids.slice(2))
        yield* outbox.sent(ids.slice(0, 2))
        assert.deepEqual(
          (yield* outbox.backlog(10)).untold.map(({ id, tries }) => ({ id, tries })),
          ids.slice(2).map((id) => ({ id, tries: 1 }))
        )
        yield* pool`update outbox set created_at = now() - interval '9 days' where repository = ${api}`
        yield* pool`update outbox set sent_at = sent_at - interval '8 days' where id = ${ids[0] ?? 0}`
        yield* outbox.prune
        const left = yield* pool<{
          readonly id: bigint
        }>`select id from outbox where repository = ${api} order by id`
        assert.deepEqual(
          left.map(({ id }) => Number(id)),
          ids.slice(1)
        )
      })
    )

    it.effect("X15: content holds facts, the digest and who asked among them", () =>
      Effect.gen(function* () {
        const { pool, api, accepted } = yield* telling
        const made = yield* accepted({ request: { kind: "redeploy", by: "ann" } })
        const rows = yield* pool`select content from outbox where repository = ${api}`
        assert.deepEqual(rows, [
          { content: { job: api, tag: "v2", digest: digest("v2"), attempt: made.id, who: "ann" } }
        ])
      })
    )

    it.effect(
      "canaries that wait for a person are told once an attempt, however often they come and go",
      () =>
        Effect.gen(function* () {
          const { store, fence, api, accepted, told } = yield* telling
          const waits = Follow.make({ words, reason: "awaiting_promotion" })
          const await_ = Effect.fnUntraced(function* () {
            const { id } = yield* accepted()
            const rollout = {
              phase: "awaiting_promotion",
              words,
              nomadVersion: 4,
              deploymentId: "d"
            } as const
            yield* store.setPhase(fence, id, rollout)
            yield* store.saveDecision(api, waits)
            yield* store.saveDecision(api, Follow.make({ words: "1 of 2" }))
            yield* store.saveDecision(api, waits)
            return id
          })
          yield* await_()
          yield* await_()
          const notices = (yield* told).filter(({ _tag }) => _tag === "AwaitingPromotion")
          assert.deepStrictEqual(
            notices.map((notice) => "words" in notice && notice.words),
            [words, words]
          )
        })
    )
  })
)
