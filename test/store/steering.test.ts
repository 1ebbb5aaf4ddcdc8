import { assert, describe, layer } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { standingOrder } from "../../src/domain/Attempt.ts"
import type { Canaries } from "../../src/domain/Canaries.ts"
import { layerFreshStore, noPostgres } from "../real/postgres.ts"
import { digest, leading, newFence, person } from "./rows.ts"

const healthy: Canaries = { deployment: "d1", healthy: 1, desired: 1, ended: 0, run: "a 0", isOwn: true }
const life = Duration.seconds(45)

/** `leading`, with an attempt whose canaries wait for promotion. */
const waiting = Effect.gen(function* () {
  const test = yield* leading
  const { store, fence, api, accepted, pool } = test
  const made = yield* accepted()
  const rollout = (deploymentId: string, phase: "awaiting_promotion" | "rolling" = "awaiting_promotion") =>
    store.setPhase(fence, made.id, { phase, words: "", nomadVersion: 4, deploymentId })
  yield* rollout("d1")
  const row = Effect.map(store.attempt(made.id), (attempt) => attempt ?? assert.fail("no row"))
  const { generation } = yield* store.desired(api)
  const send = {
    attempt: made.id,
    order: "promote",
    deployment: "d1",
    isOrdered: false,
    generation,
    life
  } as const
  const order = (order: "promote" | "fail", by = "ann") =>
    Effect.map(
      store.orderRollout({ repository: api, attempt: made.id, order, by, from: "" }),
      ({ ordered }) => ordered
    )
  const later = pool`update attempt set order_sent_at = order_sent_at - interval '45 seconds' where id = ${made.id}::uuid`
  return { ...test, made, row, rollout, send, order, later }
})

describe.skipIf(noPostgres)("steering", () =>
  layer(layerFreshStore)((it) => {
    it.effect("the soak goes on while the canaries are the same, and begins anew with others", () =>
      Effect.gen(function* () {
        const { store, fence, made, rollout, row, pool } = yield* waiting
        const since = (canaries: Canaries | null) =>
          Effect.map(store.saveCanaries(fence, made.id, canaries), (saved) => saved?.canariesSince?.getTime())
        // Far enough back that one which begins anew is another.
        const earlier = pool`
          update attempt set canaries_since = canaries_since - interval '1 hour' where id = ${made.id}::uuid`.pipe(
          Effect.andThen(row),
          Effect.map(({ canariesSince }) => canariesSince?.getTime() ?? 0)
        )
        assert.isDefined(yield* since(healthy))
        const first = yield* earlier
        assert.strictEqual(yield* since(healthy), first)
        assert.isUndefined(yield* since({ ...healthy, healthy: 0, run: null }))
        assert.isAbove((yield* since(healthy)) ?? 0, first)
        const second = yield* earlier
        assert.isAbove((yield* since({ ...healthy, run: "b 0" })) ?? 0, second)
        const third = yield* earlier
        assert.isAbove((yield* since({ ...healthy, run: "b 0", deployment: "d2" })) ?? 0, third)
        yield* rollout("d1", "rolling")
        assert.deepInclude(yield* row, { canaries: null, canariesSince: null })
      })
    )

    it.effect("S1: S15: nothing is saved or sent with a fence that is gone", () =>
      Effect.gen(function* () {
        const { store, fence, made, row, send } = yield* waiting
        yield* newFence
        assert.isNull(yield* store.saveCanaries(fence, made.id, healthy))
        assert.isFalse(yield* store.sendOrder(fence, send))
        assert.isNull((yield* row).orderSentAt)
      })
    )

    it.effect(
      "S6: a promotion is sent once, again when it can not be under way any more, never once it is done",
      () =>
        Effect.gen(function* () {
          const { store, fence, api, made, send, later } = yield* waiting
          assert.isTrue(yield* store.sendOrder(fence, send))
          assert.isFalse(yield* store.sendOrder(fence, send))
          const next = yield* newFence
          assert.isFalse(yield* store.sendOrder(next, send))
          yield* later
          assert.isTrue(yield* store.sendOrder(next, send))
          const answered = { attempt: made.id, order: "promote", deployment: "d1", words: "" } as const
          assert.isTrue(yield* store.orderAnswered(next, { ...answered, answer: "Done" }))
          assert.strictEqual((yield* store.audit(api, 1))[0]?.action, "promotion sent")
          yield* later
          assert.isFalse(yield* store.sendOrder(next, send))
        })
    )

    it.effect("S6: never of another deployment than the attempt has", () =>
      Effect.gen(function* () {
        const { store, fence, send, rollout } = yield* waiting
        yield* rollout("d2")
        assert.isFalse(yield* store.sendOrder(fence, send))
        assert.isTrue(yield* store.sendOrder(fence, { ...send, deployment: "d2" }))
      })
    )

    it.effect("S13: not once a person changed what was decided on, nor after the rollout ended", () =>
      Effect.gen(function* () {
        const { store, fence, api, made, send } = yield* waiting
        const { generation } = yield* store.change({ repository: api, autoDeploy: false, ...person })
        assert.isFalse(yield* store.sendOrder(fence, send))
        yield* store.end(fence, {
          attempt: made.id,
          outcome: "superseded",
          words: "",
          nomadVersion: null,
          deploymentId: null,
          blame: null,
          swallowed: false,
          baseline: null,
          raise: null
        })
        assert.isFalse(yield* store.sendOrder(fence, { ...send, generation }))
      })
    )

    it.effect("what Nomad did not take may be sent at once, and what it refused is ordered no more", () =>
      Effect.gen(function* () {
        const { store, fence, api, made, send, order, row } = yield* waiting
        assert.isTrue(yield* order("promote"))
        const { generation } = yield* store.desired(api)
        const ordered = { ...send, isOrdered: true, generation }
        const answered = { attempt: made.id, order: "promote", deployment: "d1", words: "0/1" } as const
        assert.isTrue(yield* store.sendOrder(fence, ordered))
        yield* store.orderAnswered(fence, { ...answered, answer: "NotApplied" })
        assert.isTrue(yield* store.sendOrder(fence, ordered))
        yield* store.orderAnswered(fence, { ...answered, answer: "Refused" })
        const orderRefused = {
          order: "promote",
          by: "ann",
          why: null,
          deployment: "d1",
          words: "0/1"
        } as const
        assert.deepInclude(yield* row, { ordered: null, orderSentAt: null, canaries: null, orderRefused })
        assert.isFalse(yield* store.sendOrder(fence, ordered))
        const [entry] = yield* store.audit(api, 1)
        assert.deepInclude(entry, { action: "promote refused by Nomad", why: "0/1", attempt: made.id })
        // By its health, or when somebody orders it again.
        assert.isTrue(yield* store.sendOrder(fence, { ...ordered, isOrdered: false }))
        yield* store.orderAnswered(fence, { ...answered, answer: "Done" })
        assert.deepInclude(yield* row, { ordered: null, orderRefused: null })
      })
    )

    it.effect(
      "L10: what the release before orders after that is sent, and what was refused it does not have",
      () =>
        Effect.gen(function* () {
          const { store, fence, made, send, order, row, pool, api } = yield* waiting
          assert.isTrue(yield* order("promote"))
          const { generation } = yield* store.desired(api)
          const sent = { ...send, isOrdered: true, generation }
          assert.isTrue(yield* store.sendOrder(fence, sent))
          yield* store.orderAnswered(fence, { ...sent, answer: "Refused", words: "0/1" })
          assert.deepInclude(yield* row, { ordered: null, orderedDeployment: null, orderSentAt: null })
          // As it writes it: of order_refused it knows nothing.
          yield* pool`
          update attempt set ordered = 'fail', ordered_by = 'bob', ordered_why = null, ordered_deployment = deployment_id,
            order_sent_at = null, order_done_at = null
          where id = ${made.id}::uuid`
          assert.strictEqual(standingOrder(yield* row), "fail")
          assert.isTrue(yield* store.sendOrder(fence, { ...sent, order: "fail" }))
        })
    )

    it.effect.each(["promote", "fail"] as const)(
      "a %s that Nomad refused may be ordered again by whoever wants",
      (what) =>
        Effect.gen(function* () {
          const { store, fence, api, made, send, order, row } = yield* waiting
          assert.isTrue(yield* order(what))
          const { generation } = yield* store.desired(api)
          assert.isTrue(yield* store.sendOrder(fence, { ...send, order: what, isOrdered: true, generation }))
          const answered = { attempt: made.id, order: what, deployment: "d1", words: "no" } as const
          assert.isTrue(yield* store.orderAnswered(fence, { ...answered, answer: "Refused" }))
          // What a person does not want is not promoted without one.
          const next = { ...send, generation }
          if (what === "fail") assert.isFalse(yield* store.sendOrder(fence, next))
          assert.isTrue(yield* order(what, "bob"))
          assert.deepInclude(yield* row, { ordered: what, orderedBy: "bob", orderRefused: null })
          assert.isFalse(yield* order(what))
        })
    )

    it.effect("L2: what nobody ordered and Nomad refuses each time in the same words is news once", () =>
      Effect.gen(function* () {
        const { store, fence, api, made, send, row } = yield* waiting
        const answered = {
          attempt: made.id,
          order: "promote",
          deployment: "d1",
          answer: "Refused",
          words: "no"
        } as const
        for (let times = 0; times < 3; times++) {
          assert.isTrue(yield* store.sendOrder(fence, send))
          if (times > 0) assert.deepInclude((yield* row).orderRefused, { by: null, words: "no" })
          assert.isTrue(yield* store.orderAnswered(fence, answered))
        }
        const actions = (yield* store.audit(api, 100)).map(({ action }) => action)
        assert.deepStrictEqual(actions.slice(0, 2), ["promote refused by Nomad", "promotion sent"])
        assert.lengthOf(
          actions.filter((action) => action.startsWith("promot")),
          2
        )
      })
    )

    it.effect(
      "X20: what Nomad does not take stands in the audit once, and again when it says something else",
      () =>
        Effect.gen(function* () {
          const { store, fence, api, made, send, order } = yield* waiting
          assert.isTrue(yield* order("promote"))
          const { generation } = yield* store.desired(api)
          const ordered = { ...send, isOrdered: true, generation }
          const answered = { attempt: made.id, order: "promote", deployment: "d1" } as const
          const tried = Effect.fnUntraced(function* (answer: "Done" | "NotApplied", words: string) {
            assert.isTrue(yield* store.sendOrder(fence, ordered))
            assert.isTrue(yield* store.orderAnswered(fence, { ...answered, answer, words }))
          })
          for (const words of ["forbidden", "forbidden", "forbidden", "no leader", "no leader"])
            yield* tried("NotApplied", words)
          const said = Effect.map(store.audit(api, 100), (entries) =>
            entries
              .filter(({ action }) => action.startsWith("promotion "))
              .map(({ action, why }) => (action.includes("not taken") ? `${action}: ${why}` : action))
              .toReversed()
          )
          const once = [
            "promotion ordered",
            "promotion sent",
            "promotion not taken by Nomad: forbidden",
            "promotion not taken by Nomad: no leader"
          ]
          assert.deepStrictEqual(yield* said, once)
          yield* tried("Done", "")
          assert.deepStrictEqual(yield* said, [...once, "promotion taken by Nomad"])
        })
    )

    it.effect(
      "a failing that is ordered while a promotion is under way is sent, whatever that one's answer is",
      () =>
        Effect.gen(function* () {
          const { store, fence, api, made, send, order } = yield* waiting
          assert.isTrue(yield* store.sendOrder(fence, send))
          assert.isFalse(yield* order("promote"))
          assert.isTrue(yield* order("fail"))
          const promoted = { attempt: made.id, order: "promote", deployment: "d1", words: "" } as const
          assert.isFalse(yield* store.orderAnswered(fence, { ...promoted, answer: "Done" }))
          const { generation } = yield* store.desired(api)
          const failing = { ...send, order: "fail", isOrdered: true, generation } as const
          assert.isFalse(yield* store.sendOrder(fence, { ...send, generation }))
          assert.isTrue(yield* store.sendOrder(fence, failing))
        })
    )

    it.effect("an order for the deployment before is none for this one", () =>
      Effect.gen(function* () {
        const { store, fence, api, made, send, order, rollout, row } = yield* waiting
        assert.isTrue(yield* order("promote"))
        yield* rollout("d2")
        const { generation } = yield* store.desired(api)
        const next = { ...send, deployment: "d2", generation }
        assert.isFalse(yield* store.sendOrder(fence, { ...next, isOrdered: true }))
        assert.isTrue(yield* store.sendOrder(fence, next))
        assert.deepInclude(yield* row, { ordered: null, orderedBy: null, orderedDeployment: "d2" })
        assert.isString(made.id)
      })
    )

    it.effect(
      "S11: what a person failed stays in quarantine, is no request again, whatever became of it",
      () =>
        Effect.gen(function* () {
          const { store, fence, api, accepted } = yield* leading
          const made = yield* accepted({ reason: "requested", request: { kind: "pin", by: "bob" } })
          yield* store.setPhase(fence, made.id, {
            phase: "rolling",
            words: "",
            nomadVersion: 4,
            deploymentId: "d1"
          })
          yield* store.orderRollout({
            repository: api,
            attempt: made.id,
            order: "fail",
            why: "slow",
            by: "ann",
            from: ""
          })
          yield* store.end(fence, {
            attempt: made.id,
            outcome: "superseded",
            words: "Nomad's rollback came before it",
            nomadVersion: 4,
            deploymentId: "d1",
            blame: null,
            swallowed: true,
            baseline: null,
            raise: null
          })
          const history = yield* store.elections([api])
          assert.deepStrictEqual(history.get(api)?.quarantine, [
            { digest: digest("v2"), why: "failed by ann: slow", until: null, failures: 0 }
          ])
          assert.isNull((yield* store.desired(api)).requestedGeneration)
        })
    )
  })
)
