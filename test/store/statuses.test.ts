import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { AttemptId } from "../../src/domain/Attempt.ts"
import type { Decision } from "../../src/domain/Decision.ts"
import type { Observed } from "../../src/domain/Observed.ts"
import { Tag } from "../../src/domain/Tag.ts"
import { layerFreshStore, noPostgres } from "../real/postgres.ts"
import { digest, leading, target, versionsOf, watched } from "./rows.ts"

const marker = AttemptId.make("0e9d9d2f-5a7e-4a55-9c5e-0c6e5d3c9b11")
const runs: Observed = {
  _tag: "Runs",
  tasks: [
    { group: "g", task: "t", image: "api:v1", tag: Tag.make("v1"), digest: digest("v1"), marker },
    { group: "g", task: "u", image: "api@x", tag: null, digest: null, marker: null }
  ],
  jobType: "service",
  isParent: false,
  version: 3,
  createIndex: 7,
  modifyIndex: 2 ** 40,
  jobModifyIndex: 9,
  deployment: {
    id: "d",
    status: "running",
    description: "",
    jobVersion: 3,
    requiresPromotion: false
  }
}
const unread: Observed = { _tag: "Unread", reason: "nomad_unreachable", words: "ECONNREFUSED" }
const waits: Decision = {
  _tag: "Wait",
  reason: "auto_deploy_off",
  words: "off",
  would: { tag: Tag.make("v2"), digest: null },
  verdict: null
}
const inSync: Decision = { _tag: "InSync", ...target("v1") }

describe.skipIf(noPostgres)("statuses", () =>
  layer(layerFreshStore)((it) => {
    it.effect("begin with the desired state alone", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        const [status] = yield* store.statuses([api])
        assert.deepEqual(status, {
          desired: yield* store.desired(api),
          observed: null,
          observedAt: null,
          decision: null,
          decidedAt: null,
          checkedAt: null,
          readAt: status?.readAt ?? new Date(0)
        })
      })
    )

    it.effect("come for those that are asked for, by name, without those that nobody adopted", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        const [a, b] = [watched(`a${api}`), watched(`b${api}`)]
        yield* store.adopt([b, a])
        const found = yield* store.statuses([b.name, watched("nobody").name, a.name])
        assert.deepEqual(
          found.map(({ desired }) => desired.repository),
          [a.name, b.name]
        )
      })
    )

    it.effect("hold the last observation and decision as they were", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        yield* store.saveObservation(api, runs)
        assert.isTrue(yield* store.saveDecision(api, waits))
        assert.deepInclude((yield* store.statuses([api]))[0], { observed: runs, decision: waits })
      })
    )

    it.effect("K: while Nomad can not be read the last good observation stays, with its age", () =>
      Effect.gen(function* () {
        const { store, pool, api } = yield* leading
        yield* store.saveObservation(api, unread)
        assert.deepInclude((yield* store.statuses([api]))[0], { observed: unread })
        yield* store.saveObservation(api, runs)
        const [good] = yield* store.statuses([api])
        yield* store.saveObservation(api, unread)
        const [still] = yield* store.statuses([api])
        assert.deepEqual([still?.observed, still?.observedAt], [runs, good?.observedAt])
        const why = pool`select unread ->> 'words' as words from observation where repository = ${api}`
        assert.deepEqual(yield* why, [{ words: "ECONNREFUSED" }])
        yield* store.saveObservation(api, runs)
        assert.deepEqual(yield* why, [{ words: null }])
      })
    )

    it.effect("L2: an equal observation or decision writes nothing", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        const all = ["observation", "decision", "decision_history"]
        for (const observed of [runs, unread]) {
          yield* store.saveObservation(api, observed)
          yield* store.saveDecision(api, waits)
          const before = yield* versionsOf(...all)
          yield* store.saveObservation(api, observed)
          assert.isFalse(yield* store.saveDecision(api, waits))
          assert.deepEqual(yield* versionsOf(...all), before)
        }
      })
    )

    it.effect("a decision that changes leaves the one before in the history, for 90 days", () =>
      Effect.gen(function* () {
        const { store, pool, api } = yield* leading
        yield* pool`insert into decision_history (repository, decision, since, until)
          values (${api}, '{}', now() - interval '92 days', now() - interval '91 days'),
            (${api}, '{"kept": true}', now() - interval '90 days', now() - interval '89 days')`
        yield* store.saveDecision(api, waits)
        const [first] = yield* store.statuses([api])
        assert.isTrue(yield* store.saveDecision(api, inSync))
        const [second] = yield* store.statuses([api])
        assert.isTrue((second?.decidedAt ?? 0) > (first?.decidedAt ?? 0))
        const kept = yield* pool`
          select decision ->> 'reason' as reason, since from decision_history where repository = ${api} order by id`
        assert.deepEqual(
          kept.map(({ reason }) => reason),
          [null, "auto_deploy_off"]
        )
        assert.deepEqual(kept[1]?.["since"], first?.decidedAt)
      })
    )
  })
)
