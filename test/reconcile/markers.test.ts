import { assert, describe } from "@effect/vitest"
import { Duration, Effect } from "effect"
import type { Watched } from "../../src/domain/Watched.ts"
import type { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { Database } from "../../src/store/Database.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { tag } from "../decide/situations.ts"
import { watchedAs } from "./loop.ts"
import { awhile, pass, Story, story } from "./story.ts"

const intervals = (count: number) => pass(Duration.seconds(60 * count))
const api = "api" as RepositoryName

/**
 * v1.1.0 was deployed, and then the database restored to before that. The rows of the past are gone at once; what the
 * leader remembers ends with the next change.
 */
const restored = (change: Partial<Watched> = {}, first = "v1.0.0", second = "v1.1.0") =>
  Effect.gen(function* () {
    const { pool: sql } = yield* Database
    const story = yield* Story.begin([first], change)
    const [before] = yield* sql`select baseline_tag, baseline_digest, high_water_mark from repository`
    const digest = yield* story.push(second)
    if (second === "stable") yield* story.change({ pinnedTag: tag(second), request: "pin" })
    yield* awhile
    yield* sql`delete from attempt`
    yield* sql`update repository set baseline_tag = ${String(before?.["baseline_tag"])}, baseline_digest = null,
      high_water_mark = ${String(before?.["high_water_mark"])}, baseline_at = now()`
    yield* story.change({ autoDeploy: false })
    yield* story.change({ autoDeploy: true })
    return { story, digest }
  })

const adopt = Effect.flatMap(StateStore, (store) => store.adoptMarkers([api], "ann", "127.0.0.1")).pipe(
  Effect.tap(() => pass("5 seconds"))
)

describe("a job with a marker that this database does not have", () => {
  story(
    "S20: stalls and is shown, until one call adopts it: then it is in sync, its mark raised, and goes on",
    Effect.gen(function* () {
      const { story, digest } = yield* restored()
      yield* story.push("v1.2.0")
      yield* intervals(2)
      assert.strictEqual(yield* story.decision, "Stall unknown_marker")
      assert.strictEqual((yield* story.desired).highWaterMark, "v1.0.0")
      assert.strictEqual(yield* story.foreignWrites, 0)
      yield* story.change({ autoDeploy: false })
      assert.strictEqual((yield* adopt).size, 1)
      assert.deepInclude(yield* story.desired, {
        baselineTag: tag("v1.1.0"),
        baselineDigest: digest,
        highWaterMark: tag("v1.1.0")
      })
      assert.strictEqual(yield* story.decision, "Wait auto_deploy_off")
      assert.strictEqual((yield* adopt).size, 0)
      yield* story.change({ autoDeploy: true })
      yield* awhile
      assert.strictEqual((yield* story.registered).length, 2)
      assert.strictEqual((yield* story.attempts)[0]?.state, "succeeded")
      assert.strictEqual(yield* story.decision, "InSync")
    })
  )

  story(
    "S8: what was adopted is never gone below",
    Effect.gen(function* () {
      const { story } = yield* restored()
      yield* adopt
      assert.strictEqual(yield* story.decision, "InSync")
      const { pool: sql } = yield* Database
      yield* sql`delete from tag where tag = 'v1.1.0'`
      yield* intervals(3)
      assert.strictEqual((yield* story.registered).length, 1)
    })
  )

  story(
    "in tag form what was adopted runs the digest that its tag has, until that moves",
    Effect.gen(function* () {
      const { origin } = yield* RegistrySimulator
      const { mapping } = watchedAs("api", origin.host)
      const { story } = yield* restored({ mapping: { ...mapping, imageForm: "tag" } }, "v1.0.0", "stable")
      assert.strictEqual(yield* story.decision, "Stall unknown_marker")
      yield* adopt
      yield* intervals(2)
      assert.strictEqual(yield* story.decision, "InSync")
      assert.strictEqual((yield* story.registered).length, 1)
      const digest = yield* story.push("stable", "another")
      yield* awhile
      assert.deepInclude((yield* story.attempts)[0], { reason: "digest_changed", toDigest: digest })
      assert.strictEqual(yield* story.decision, "InSync")
    })
  )

  story(
    "a request passes it, and its own marker ends it",
    Effect.gen(function* () {
      const { story } = yield* restored()
      assert.strictEqual(yield* story.decision, "Stall unknown_marker")
      const digest = yield* story.push("v1.0.0")
      yield* story.change({ request: "redeploy", requestTag: tag("v1.0.0"), autoDeploy: false })
      assert.strictEqual(yield* story.running, story.at("v1.0.0", digest))
      assert.notStrictEqual(yield* story.decision, "Stall unknown_marker")
    })
  )

  story(
    "a request that does not resolve is kept behind it",
    Effect.gen(function* () {
      const { story } = yield* restored()
      yield* story.change({ request: "redeploy", requestTag: tag("v7.0.0") })
      yield* intervals(2)
      assert.strictEqual(yield* story.decision, "Stall unknown_marker")
      assert.isNotNull((yield* story.desired).requestedGeneration)
    })
  )
})
