import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import type { AttemptId } from "../../src/domain/Attempt.ts"
import type { Canaries } from "../../src/domain/Canaries.ts"
import { RepositoryName } from "../../src/domain/RepositoryName.ts"
import type { Fence } from "../../src/store/Leader.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { noPostgres } from "../real/postgres.ts"
import { acceptedAttempt, digest, newFence } from "../store/rows.ts"
import { serve } from "./rig.ts"
import { call, served } from "./v1.ts"
import { api, desired, everyRow } from "./world.ts"

const canaries: Canaries = {
  deployment: "d1",
  healthy: 1,
  desired: 1,
  ended: 0,
  run: "a 0",
  isOwn: true
}

/** An attempt of `api` at v2 whose canaries are so. */
const awaiting = Effect.fnUntraced(function* (
  fence: Fence,
  change: Partial<Canaries> = {},
  repository = api
) {
  const store = yield* StateStore
  const { id } = yield* acceptedAttempt(fence, { repository })
  const rollout = { phase: "awaiting_promotion", words: "1 of 2 healthy", nomadVersion: 4 } as const
  yield* store.setPhase(fence, id, { ...rollout, deploymentId: "d1" })
  yield* store.saveCanaries(fence, id, { ...canaries, ...change })
  return id
})
const rolling = Effect.fnUntraced(function* (fence: Fence, deploymentId: string | null) {
  const store = yield* StateStore
  const { id } = yield* acceptedAttempt(fence)
  yield* store.setPhase(fence, id, {
    phase: "rolling",
    words: "0 of 2 healthy",
    nomadVersion: 4,
    deploymentId
  })
  return id
})
const ordered = (id: AttemptId, order: "promote" | "fail") =>
  Effect.flatMap(StateStore, (store) =>
    store.orderRollout({ repository: api, attempt: id, order, by: "bob", from: "" })
  )

describe.skipIf(noPostgres)("a person's word on a rollout", () => {
  it.live("promotes canaries that wait: committed for the leader, audited, shown", () =>
    served((origin) =>
      Effect.gen(function* () {
        const store = yield* StateStore
        const id = yield* awaiting(yield* newFence)
        const shown = yield* call(origin, `GET /v1/attempts/${id}`)
        assert.deepNestedInclude(shown.body, { "canaries.healthy": 1, "canaries.desired": 1, ordered: null })
        assert.isString((shown.body as { canaries: { since: unknown } }).canaries.since)
        const etag = (yield* call(origin, "GET api")).headers.get("etag") ?? ""
        const answer = yield* call(origin, `POST api/attempts/${id}/promote`, undefined, { "if-match": etag })
        const { generation } = yield* desired()
        assert.deepStrictEqual([answer.status, answer.headers.get("etag")], [200, `"${generation}"`])
        assert.include(
          answer.text,
          "api: the canaries of v2 are promoted now, and the rest of its rollout follows"
        )
        assert.deepNestedInclude((yield* call(origin, `GET /v1/attempts/${id}`)).body, {
          "ordered.order": "promote",
          "ordered.by": "anonymous",
          "ordered.done_at": null
        })
        const [entry] = yield* store.audit(api, 1)
        assert.deepInclude(entry, { who: "anonymous", action: "promotion ordered", attempt: id })
      })
    )
  )

  it.live(
    "S11: fails a rollout: its digest is in quarantine from that moment on, in the person's words",
    () =>
      served((origin) =>
        Effect.gen(function* () {
          const store = yield* StateStore
          const id = yield* rolling(yield* newFence, "d1")
          const answer = yield* call(origin, `POST api/attempts/${id}/fail`, { why: "errors" })
          assert.strictEqual(answer.status, 200)
          assert.include(
            answer.text,
            "api: the rollout of v2 is failed now, and this image is not deployed again"
          )
          const kept = (yield* store.elections([api])).get(api)?.quarantine
          assert.deepStrictEqual(kept, [
            { digest: digest("v2"), why: "failed by anonymous: errors", until: null, failures: 0 }
          ])
          const [entry] = yield* store.audit(api, 1)
          assert.deepInclude(entry, { who: "anonymous", action: "rollout failed", why: "errors" })
        })
      )
  )

  it.live.each<
    readonly [
      what: string,
      order: "promote" | "fail",
      seed: (fence: Fence) => Effect.Effect<AttemptId, unknown, StateStore>,
      message: RegExp
    ]
  >([
    [
      "canaries that are not healthy yet",
      "promote",
      (fence) => rolling(fence, "d1"),
      /the rollout of v2 does not wait to be promoted \(0 of 2 healthy\)/
    ],
    [
      "canaries of which one ended",
      "promote",
      (fence) => awaiting(fence, { healthy: 0, ended: 1, run: null }),
      /0 of 1 canaries of v2 are healthy, and Nomad replaces none that ended: fail the rollout/
    ],
    [
      "canaries that are being promoted",
      "promote",
      (fence) => Effect.tap(awaiting(fence), (id) => ordered(id, "promote")),
      /the canaries of v2 are being promoted already, as bob ordered/
    ],
    [
      "canaries that are promoted since they are healthy",
      "promote",
      (fence) =>
        Effect.tap(awaiting(fence), (attempt) =>
          Effect.gen(function* () {
            const store = yield* StateStore
            const { generation } = yield* desired()
            const sent = { attempt, order: "promote", deployment: "d1", isOrdered: false } as const
            yield* store.sendOrder(fence, { ...sent, generation, life: Duration.seconds(45) })
          })
        ),
      /the canaries of v2 are being promoted already; nothing/
    ],
    [
      "what somebody fails",
      "promote",
      (fence) => Effect.tap(awaiting(fence), (id) => ordered(id, "fail")),
      /bob has ordered already that the rollout of v2 fails/
    ],
    [
      "what somebody fails already",
      "fail",
      (fence) => Effect.tap(awaiting(fence), (id) => ordered(id, "fail")),
      /bob has ordered already that the rollout of v2 fails/
    ],
    [
      "a rollout without a deployment",
      "fail",
      (fence) => rolling(fence, null),
      /Nomad has no deployment for v2, so that none can fail: roll it back/
    ]
  ])("refuses %s, and changes nothing", ([, order, seed, message]) =>
    served((origin) =>
      Effect.gen(function* () {
        const id = yield* seed(yield* newFence)
        const before = yield* everyRow
        const answer = yield* call(origin, `POST api/attempts/${id}/${order}`)
        assert.strictEqual(answer.status, 409)
        assert.match(answer.text, message)
        assert.match(answer.text, /nothing was changed/)
        assert.strictEqual(yield* everyRow, before)
      })
    )
  )

  it.live("that Nomad refused is shown with its words, and may be given again", () =>
    served((origin) =>
      Effect.gen(function* () {
        const store = yield* StateStore
        const fence = yield* newFence
        const attempt = yield* awaiting(fence)
        yield* ordered(attempt, "fail")
        const { generation } = yield* desired()
        const sent = { attempt, order: "fail", deployment: "d1" } as const
        yield* store.sendOrder(fence, { ...sent, isOrdered: true, generation, life: Duration.seconds(45) })
        yield* store.orderAnswered(fence, { ...sent, answer: "Refused", words: "deployment not found" })
        assert.deepNestedInclude((yield* call(origin, `GET /v1/attempts/${attempt}`)).body, {
          "ordered.order": "fail",
          "ordered.by": "bob",
          "ordered.refused": "deployment not found"
        })
        assert.strictEqual((yield* call(origin, `POST api/attempts/${attempt}/fail`)).status, 200)
        assert.deepNestedInclude((yield* call(origin, `GET /v1/attempts/${attempt}`)).body, {
          "ordered.by": "anonymous",
          "ordered.refused": null
        })
      })
    )
  )

  it.live("S6: for a deployment before is shown no more, and one for this can be given", () =>
    served((origin) =>
      Effect.gen(function* () {
        const store = yield* StateStore
        const fence = yield* newFence
        const id = yield* awaiting(fence)
        yield* ordered(id, "promote")
        const rollout = { phase: "awaiting_promotion", words: "1 of 2 healthy", nomadVersion: 5 } as const
        yield* store.setPhase(fence, id, { ...rollout, deploymentId: "d2" })
        assert.deepNestedInclude((yield* call(origin, `GET /v1/attempts/${id}`)).body, { ordered: null })
        assert.strictEqual((yield* call(origin, `POST api/attempts/${id}/promote`)).status, 200)
      })
    )
  )

  it.live("in mode plan does nothing, and says so", () =>
    served((origin) =>
      Effect.gen(function* () {
        const id = yield* awaiting(yield* newFence, {}, RepositoryName.make("planned"))
        const before = yield* everyRow
        const answer = yield* call(origin, `POST planned/attempts/${id}/promote`)
        assert.strictEqual(answer.status, 200)
        assert.include(
          answer.text,
          'in mode \\"plan\\" no rollout is promoted or failed; nothing was changed'
        )
        assert.strictEqual(yield* everyRow, before)
      })
    )
  )

  it.live(
    "S14: of one who promotes and one who fails what both saw, on two instances, one is told who was faster",
    () =>
      served((origin) =>
        Effect.gen(function* () {
          const id = yield* awaiting(yield* newFence)
          const other = yield* serve()
          const headers = { "if-match": (yield* call(origin, "GET api")).headers.get("etag") ?? "" }
          const answers = yield* Effect.all(
            [
              call(origin, `POST api/attempts/${id}/promote`, undefined, headers),
              call(other, `POST api/attempts/${id}/fail`, undefined, headers)
            ],
            { concurrency: "unbounded" }
          )
          assert.sameMembers(
            answers.map(({ status }) => status),
            [200, 412]
          )
        })
      )
  )
})
