import { assert, describe, layer } from "@effect/vitest"
import { Effect } from "effect"
import { randomUUID } from "node:crypto"
import { AttemptId } from "../../src/domain/Attempt.ts"
import type { Observed } from "../../src/domain/Observed.ts"
import { runs, task } from "../decide/situations.ts"
import { layerFreshStore, noPostgres } from "../real/postgres.ts"
import { digest, jobOf, leading, person, seen, target, watched } from "./rows.ts"

const aMarker = () => AttemptId.make(randomUUID())
const at = (marker: AttemptId | null) => task("v2", null, { marker })
const carrying = (...markers: ReadonlyArray<AttemptId | null>): Observed => {
  const [first = null, ...rest] = markers
  return runs(at(first), { tasks: [at(first), ...rest.map(at)] })
}

describe.skipIf(noPostgres)("what a person speaks for", () =>
  layer(layerFreshStore)((it) => {
    it.effect("S20: the unknown markers of several jobs are adopted with one call, and no others", () =>
      Effect.gen(function* () {
        const { store, pool, fence, api, accepted } = yield* leading
        const [other, quiet] = [watched(`${api}-other`).name, watched(`${api}-quiet`).name]
        yield* store.adopt([watched(other), watched(quiet)])
        const ours = yield* accepted()
        const [first, second, third] = [aMarker(), aMarker(), aMarker()]
        yield* store.setBaseline(fence, api, { ...seen("v1"), raiseTo: null })
        yield* store.setBaseline(fence, quiet, { ...seen("v1"), raiseTo: null })
        yield* store.saveObservation(api, carrying(first, ours.id, second, first))
        yield* store.saveObservation(other, carrying(third, null))
        yield* store.saveObservation(quiet, carrying(ours.id))
        const adopted = yield* store.adoptMarkers([api, other, quiet], person.by, person.from)
        assert.deepEqual(
          new Map([...adopted].map(([name, markers]) => [name, new Set(markers)])),
          new Map([
            [api, new Set([first, second])],
            [other, new Set([third])]
          ])
        )
        const { markers } = (yield* store.remembered(api, jobOf(api), [first, second, third, ours.id]))
          .history
        assert.deepEqual(
          [first, second, third, ours.id].map((id) => markers.get(id)),
          ["adopted", "adopted", "adopted", target("v2")]
        )
        // The next pass sees the job for the first time; the leader is told by the generation.
        assert.deepInclude(yield* store.desired(api), { baselineTag: null, baselineAt: null, generation: 2 })
        assert.deepInclude(yield* store.desired(quiet), { baselineDigest: digest("v1"), generation: 1 })
        const rows = yield* pool`select who, address, after ->> 'generation' as generation from audit
          where repository = ${api} and action = 'markers adopted'`
        assert.deepEqual(rows, [{ who: "ann", address: "127.0.0.1", generation: "2" }])
        assert.strictEqual((yield* store.adoptMarkers([api, other], "bob", "::1")).size, 0)
        assert.strictEqual((yield* store.desired(api)).generation, 2)
      })
    )

    it.effect("of a job that was never read, or has no tasks, there is nothing to adopt", () =>
      Effect.gen(function* () {
        const { store, api } = yield* leading
        assert.strictEqual((yield* store.adoptMarkers([api], "ann", "")).size, 0)
        yield* store.saveObservation(api, { _tag: "Unread", reason: "forbidden", words: "" })
        yield* store.saveObservation(api, { _tag: "Unfit", reason: "job_absent", words: "", modifyIndex: 0 })
        assert.strictEqual((yield* store.adoptMarkers([api], "ann", "")).size, 0)
      })
    )

    it.effect(
      "S6: an attempt that was sent is given up once, and audited; no other's, and none that ended",
      () =>
        Effect.gen(function* () {
          const { store, pool, fence, api, intent } = yield* leading
          const open = intent()
          yield* store.intend(fence, open)
          assert.isFalse(yield* store.abandon(api, open.id, "ann", "127.0.0.1"))
          yield* store.submit(fence, open.id)
          const other = watched(`${api}-other`)
          yield* store.adopt([other])
          assert.isFalse(yield* store.abandon(other.name, open.id, "ann", "127.0.0.1"))
          assert.isTrue(yield* store.abandon(api, open.id, "ann", "127.0.0.1"))
          assert.isTrue(yield* store.abandon(api, open.id, "bob", "127.0.0.1"))
          assert.deepInclude(yield* store.desired(api), { abandoned: open.id, generation: 2 })
          const rows = yield* pool`select who, attempt from audit
          where repository = ${api} and action = 'attempt given up'`
          assert.deepEqual(rows, [{ who: "ann", attempt: open.id }])
          // Its register was under way until now.
          yield* store.move(fence, open.id, "unknown", "")
          assert.strictEqual((yield* store.desired(api)).abandoned, open.id)
          yield* store.move(fence, open.id, "lost", "given up")
          assert.isNull((yield* store.desired(api)).abandoned)
          assert.isFalse(yield* store.abandon(api, open.id, "ann", "127.0.0.1"))
        })
    )
  })
)
