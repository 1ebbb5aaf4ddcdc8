import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import type { Watched } from "../../src/domain/Watched.ts"
import { foresee } from "../../src/foresee/foresee.ts"
import { type Fleet, weighAmongAll } from "../../src/foresee/weighAmongAll.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { Database } from "../../src/store/Database.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { interval, watch } from "../reconcile/loop.ts"
import { awhile, story } from "../reconcile/story.ts"
import { movable } from "./movable.ts"

const names = ["a", "b", "c", "d", "e", "f"]

/** Six jobs run v1.0.0, and nobody ever saw the v1.1.0 that the registry has of each: all would move, and none is explained. */
const begin = Effect.fnUntraced(function* (change: Partial<Watched> = {}) {
  const watched = yield* movable(names, { mode: "plan", ...change })
  return { watched, brake: { share: 0.2, count: 5 }, pollInterval: interval } satisfies Fleet
})

/** What is foretold of `a` alone, and the repositories that the registry was asked for. */
const foretold = Effect.fnUntraced(function* (fleet: Fleet, asksOthers = true) {
  const registry = yield* RegistrySimulator
  yield* registry.clearRequests
  const [a] = fleet.watched
  assert.isDefined(a)
  const { foreseen, basis } = yield* weighAmongAll([yield* foresee(a)], fleet, asksOthers ? foresee : null)
  const decision = foreseen[0]?.decision
  const asked = (yield* registry.requests).map(({ path }) => /^\/v2\/(\w+)\//.exec(path)?.[1] ?? "")
  return {
    decided: decision?._tag === "Wait" ? decision.reason : decision?._tag,
    words: decision?._tag === "Wait" ? decision.words : "",
    basis,
    asked: [...new Set(asked)].toSorted().join("")
  }
})

describe("weighAmongAll", () => {
  story(
    "S17: of one, the brake is foretold as the others were decided last, and nobody else is asked",
    Effect.gen(function* () {
      const fleet = yield* begin()
      yield* watch(fleet.watched)
      yield* awhile
      assert.deepStrictEqual(yield* foretold(fleet), {
        decided: "brake",
        words:
          "v1.1.0 would be paused by the brake, with 5 others: no push explains them; release the brake if they are meant",
        basis: { recalled: 5, looked: 0, unknown: 0 },
        asked: "a"
      })
      // Two that wait for a release of it, and three that move no more.
      const store = yield* StateStore
      const { pool: sql } = yield* Database
      yield* sql`update decision set decision = jsonb_set(decision, '{reason}', '"brake"') where repository in ('b', 'c')`
      yield* sql`update decision set decision = '{"_tag": "Follow", "words": ""}' where repository in ('d', 'e', 'f')`
      const [, ...others] = fleet.watched
      assert.strictEqual((yield* store.lastDecided(others, interval)).size, 5)
      const { decided, basis } = yield* foretold(fleet)
      assert.strictEqual(decided, "Deploy")
      assert.deepStrictEqual(basis, { recalled: 5, looked: 0, unknown: 0 })
    })
  )

  story(
    "S17: what somebody released counts no more, and who does not move asks nobody about the others",
    Effect.gen(function* () {
      const { watched, pollInterval } = yield* begin()
      const fleet = { watched, pollInterval, brake: { share: 0.2, count: 2 } }
      yield* watch(watched)
      yield* awhile
      const { pool: sql } = yield* Database
      const released = (...names: ReadonlyArray<string>) =>
        sql`insert into brake (moves_stopped, moves_released, released_by, released_at) values ('[]',
          ${JSON.stringify(names.map((repository) => ({ repository, tag: "v1.1.0", digest: null })))}::text::jsonb, 'ann', now())`
      yield* released("c", "d", "e", "f")
      assert.match((yield* foretold(fleet)).words, /^v1\.1\.0 would be paused by the brake, with 1 other: /)
      yield* released("b", "c", "d", "e", "f")
      assert.strictEqual((yield* foretold(fleet)).decided, "Deploy")
      yield* sql`update repository set auto_deploy = false where name = 'a'`
      assert.deepInclude(yield* foretold(fleet), { decided: "auto_deploy_off", basis: null })
    })
  )

  story(
    "S17: those that nobody decided as they are configured now, or lately, are looked at until it is certain",
    Effect.gen(function* () {
      const old = yield* begin({ fingerprint: "old" })
      yield* watch(old.watched)
      yield* awhile
      const fleet = { ...old, watched: old.watched.map((one) => ({ ...one, fingerprint: "new" })) }
      const looked = {
        decided: "brake" as const,
        basis: { recalled: 0, looked: 5, unknown: 0 },
        asked: "abcdef"
      }
      assert.deepInclude(yield* foretold(fleet), looked)
      const { pool: sql } = yield* Database
      yield* sql`update checked set checked_at = now() - interval '1 day'`
      assert.deepInclude(yield* foretold(old), looked)
      // A controller tells what itself decided, however long ago.
      assert.deepInclude(yield* foretold(old, false), {
        decided: "brake",
        basis: { recalled: 5, looked: 0, unknown: 0 },
        asked: "a"
      })
    })
  )

  story(
    "S17: what others may still make too many waits, where they are not looked at",
    Effect.gen(function* () {
      const fleet = yield* begin()
      const { decided, words, asked } = yield* foretold(fleet, false)
      assert.strictEqual(decided, "brake")
      assert.match(words, /^v1\.1\.0 waits until the 5 others that nobody looked at yet are decided: /)
      assert.strictEqual(asked, "a")
      // So few that there can not be too many.
      const few = { ...fleet, watched: fleet.watched.slice(0, 4) }
      assert.deepInclude(yield* foretold(few, false), { decided: "Deploy", basis: null })
    })
  )

  story(
    "S17: a brake that is on stops it, and what a push explains goes whatever the others do",
    Effect.gen(function* () {
      const fleet = yield* begin()
      const { pool: sql } = yield* Database
      yield* sql`insert into brake (moves_stopped) values ('[]')`
      const { decided, words, asked } = yield* foretold(fleet)
      assert.strictEqual(decided, "brake")
      assert.match(
        words,
        /^v1\.1\.0 waits for a release of the brake, which is on since \d{4}-\d\d-\d\dT[\d:]{8}Z: /
      )
      assert.strictEqual(asked, "a")
      const store = yield* StateStore
      const [a] = fleet.watched
      assert.isDefined(a)
      yield* store.saveListing(a.name, { tags: [], suspect: null, fingerprint: a.fingerprint })
      assert.deepInclude(yield* foretold(fleet), { decided: "Deploy", basis: null, asked: "a" })
    })
  )
})
