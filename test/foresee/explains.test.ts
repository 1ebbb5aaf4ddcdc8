import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { Tag } from "../../src/domain/Tag.ts"
import type { Watched } from "../../src/domain/Watched.ts"
import { foresee } from "../../src/foresee/foresee.ts"
import { NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { Database } from "../../src/store/Database.ts"
import { watchedAs } from "../reconcile/loop.ts"
import { awhile, story, Story } from "../reconcile/story.ts"

/** What is foreseen of `api`, and whether it counts for the brake. */
const foreseen = Effect.fnUntraced(function* (change: Partial<Watched> = {}) {
  const { origin } = yield* RegistrySimulator
  const { decision, isExplained } = yield* foresee(watchedAs("api", origin.host, change))
  const what = decision._tag === "Deploy" ? `${decision.reason} ${decision.tag}` : decision._tag
  return `${what}, ${isExplained ? "explained" : "unexplained"}`
})

describe("what counts for the brake, as it is foreseen (S17)", () => {
  story(
    "a version that was there before anybody looked counts; not once it is released, or ordered",
    Effect.gen(function* () {
      yield* Story.begin(["v1.0.0", "v1.1.0"], { mode: "plan" })
      const { pool: sql } = yield* Database
      assert.strictEqual(yield* foreseen(), "new_version v1.1.0, unexplained")
      yield* sql`insert into brake (moves_stopped, moves_released, released_by, released_at)
        values ('[]', '[{"repository": "api", "tag": "v1.1.0"}]', 'ann', now())`
      assert.strictEqual(yield* foreseen(), "new_version v1.1.0, explained")
      yield* sql`update brake set moves_released = '[]'`
      yield* sql`update repository set requested_generation = generation, request_kind = 'reset', requested_by = 'ann'`
      assert.strictEqual(yield* foreseen(), "requested v1.1.0, explained")
    })
  )

  story(
    "what somebody else set back counts, however lately it was pushed",
    Effect.gen(function* () {
      const nomad = yield* NomadSimulator
      const story = yield* Story.begin(["v1.0.0"])
      yield* story.push("v1.1.0")
      yield* story.check
      yield* awhile
      yield* nomad.register(sampleJob({ id: "api", image: `${story.image}:v1.0.0` }))
      yield* awhile
      assert.strictEqual(yield* foreseen({ drift: "restore" }), "drift v1.1.0, unexplained")
    })
  )

  story(
    "a pinned tag that was overwritten since the last look does not",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"], { mode: "plan" })
      yield* story.change({ pinnedTag: Tag.make("v1.0.0") })
      yield* awhile
      yield* story.push("v1.0.0", "another")
      assert.strictEqual(yield* foreseen(), "digest_changed v1.0.0, explained")
    })
  )
})
