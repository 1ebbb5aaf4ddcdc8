import { assert, describe } from "@effect/vitest"
import { Duration, Effect, Fiber } from "effect"
import { byImage, NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { Database } from "../../src/store/Database.ts"
import { tag } from "../decide/situations.ts"
import { awhile, pass, Story, story } from "./story.ts"

const intervals = (count: number) => pass(Duration.seconds(60 * count))

/** Somebody's register of the job, as their pipeline has it. */
const write = (story: Story, version: string) =>
  Effect.flatMap(NomadSimulator, (nomad) =>
    nomad.register(sampleJob({ id: "api", image: `${story.image}:${version}` }))
  )

/** v1.1.0 is ours, and runs. */
const ours = Effect.fnUntraced(function* (drift: "hold" | "restore") {
  const led = yield* Story.led(["v1.0.0"], { drift })
  const digest = yield* led.story.push("v1.1.0")
  yield* awhile
  return { ...led, at: led.story.at("v1.1.0", digest) }
})

describe("somebody else writes the job", () => {
  story(
    "S12: rule 14: by hand: held against until a person asks",
    Effect.gen(function* () {
      const { story, at } = yield* ours("hold")
      yield* write(story, "v1.0.0")
      yield* intervals(3)
      assert.strictEqual(yield* story.decision, "Stall drift")
      assert.deepStrictEqual(yield* story.registered, [at])
      assert.strictEqual(yield* story.foreignWrites, 1)
      yield* story.change({ request: "reset" })
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [at, at])
      assert.strictEqual(yield* story.foreignWrites, 0)
    })
  )

  story(
    "S12: rule 15: a pipeline that brings the old job back each minute is answered twice, and then told of",
    Effect.gen(function* () {
      const { story, at } = yield* ours("restore")
      for (let minute = 0; minute < 8; minute++) {
        yield* write(story, "v1.0.0")
        yield* intervals(1.5)
      }
      assert.deepStrictEqual(yield* story.registered, [at, at, at])
      assert.strictEqual(yield* story.decision, "Stall contested")
      assert.strictEqual(yield* story.foreignWrites, 3)
      const { pool: sql } = yield* Database
      yield* sql`alter table audit disable trigger audit_is_append_only`
      yield* sql`update audit set at = at - interval '61 minutes'`
      yield* intervals(2)
      assert.strictEqual((yield* story.registered).length, 4)
    })
  )

  story(
    "S12: rule 15: a person ends it as well",
    Effect.gen(function* () {
      const { story } = yield* ours("restore")
      for (let minute = 0; minute < 4; minute++) {
        yield* write(story, "v1.0.0")
        yield* intervals(1.5)
      }
      yield* story.change({ request: "reset" })
      yield* awhile
      assert.strictEqual((yield* story.registered).length, 4)
      assert.strictEqual(yield* story.decision, "InSync")
      // For good: what is pushed within the hour comes, and what is written once more is answered.
      yield* story.push("v1.2.0")
      yield* intervals(1.5)
      yield* write(story, "v1.0.0")
      yield* intervals(1.5)
      assert.strictEqual((yield* story.registered).length, 6)
      assert.strictEqual(yield* story.foreignWrites, 1)
    })
  )

  story(
    "S12: the count survives every leader, and each write counts once",
    Effect.gen(function* () {
      const { story, leader, begin } = yield* ours("restore")
      let leading = leader
      for (let minute = 0; minute < 4; minute++) {
        yield* Fiber.interrupt(leading)
        yield* write(story, "v1.0.0")
        yield* pass("5 seconds")
        leading = yield* begin
        yield* intervals(1.5)
      }
      assert.strictEqual((yield* story.registered).length, 3)
      assert.strictEqual(yield* story.decision, "Stall contested")
      assert.strictEqual(yield* story.foreignWrites, 3)
      yield* Fiber.interrupt(leading)
      yield* begin
      yield* intervals(2)
      assert.strictEqual(yield* story.foreignWrites, 3)
    })
  )

  story(
    "S12: an operator's revert in Nomad's UI is somebody's choice, though it carries a marker of ours",
    Effect.gen(function* () {
      const { story } = yield* ours("hold")
      const nomad = yield* NomadSimulator
      yield* story.push("v1.2.0")
      yield* awhile
      assert.strictEqual((yield* story.registered).length, 2)
      const body = JSON.stringify({ JobID: "api", JobVersion: 1 })
      yield* Effect.promise(() => fetch(`${nomad.url}/v1/job/api/revert`, { method: "POST", body }))
      yield* intervals(3)
      assert.match(yield* story.running, /:v1\.1\.0@/)
      assert.strictEqual(yield* story.decision, "Stall drift")
      assert.strictEqual(yield* story.foreignWrites, 1)
      assert.strictEqual((yield* story.registered).length, 2)
    })
  )

  story(
    "S20: who registers our tag without its digest changes nothing: in sync, with a new baseline",
    Effect.gen(function* () {
      const { story, at } = yield* ours("restore")
      yield* write(story, "v1.1.0")
      yield* intervals(3)
      assert.strictEqual(yield* story.decision, "InSync")
      assert.deepStrictEqual(yield* story.registered, [at])
      assert.strictEqual(yield* story.foreignWrites, 0)
    })
  )

  story(
    "S12: who brings what is wanted fights nobody",
    Effect.gen(function* () {
      const { story } = yield* ours("restore")
      for (const version of ["v1.2.0", "v1.3.0", "v1.4.0", "v1.5.0"]) {
        yield* story.push(version)
        yield* write(story, version)
        yield* intervals(2)
      }
      assert.strictEqual(yield* story.decision, "InSync")
      assert.strictEqual(yield* story.foreignWrites, 0)
      assert.strictEqual((yield* story.registered).length, 1)
      assert.strictEqual((yield* story.desired).baselineTag, tag("v1.5.0"))
    })
  )

  story(
    "S16: L13: a rollout of somebody else's that failed, and was not rolled back, is followed no more",
    Effect.gen(function* () {
      const nomad = yield* NomadSimulator
      // Else it tells of the failure.
      yield* nomad.inject({
        _tag: "Answer",
        path: "/v1/event/stream",
        status: 403,
        body: "Permission denied"
      })
      const story = yield* Story.begin(["v1.0.0"])
      const image = `${story.image}:v0.9.0`
      yield* nomad.register(sampleJob({ id: "api", image, autoRevert: false, minHealthyTime: 20_000 }))
      yield* story.check
      yield* awhile
      assert.strictEqual(yield* story.decision, "Follow")
      yield* intervals(5)
      assert.strictEqual(yield* story.decision, "Stall drift")
    }),
    { outcome: byImage([[/:v0\.9\.0/, { _tag: "NeverHealthy" }]]) }
  )
})
