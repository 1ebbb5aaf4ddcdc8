import { assert, describe } from "@effect/vitest"
import { Duration, Effect, Fiber } from "effect"
import type { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { tag } from "../decide/situations.ts"
import { watch, watchedAs } from "./loop.ts"
import { awhile, inFlight, pass, Story, story } from "./story.ts"

const intervals = (count: number) => pass(Duration.seconds(60 * count))
const api = "api" as RepositoryName

describe("what a leader finds", () => {
  story(
    "S20: what somebody changed while nobody led is their change, not first sight",
    Effect.gen(function* () {
      const { story, leader, begin } = yield* Story.led(["v1.1.0"])
      const nomad = yield* NomadSimulator
      yield* story.push("v1.0.0")
      yield* Fiber.interrupt(leader)
      yield* nomad.register(sampleJob({ id: "api", image: `${story.image}:v1.0.0` }))
      yield* pass("10 seconds")
      yield* begin
      yield* intervals(2)
      assert.strictEqual(yield* story.decision, "Stall drift")
      assert.deepStrictEqual(yield* story.registered, [])
      assert.strictEqual(yield* story.foreignWrites, 1)
    })
  )

  story(
    "S11: what Nomad rolled back while nobody led is not sent again, nor taken for somebody's write",
    Effect.gen(function* () {
      const { story, leader, begin } = yield* Story.led(["v1.0.0"], { drift: "restore" })
      yield* story.push("v1.1.0-bad")
      yield* story.change({ pinnedTag: tag("v1.1.0-bad"), request: "pin" })
      assert.strictEqual((yield* story.registered).length, 1)
      yield* Fiber.interrupt(leader)
      yield* pass("60 seconds")
      assert.strictEqual(yield* story.running, `${story.image}:v1.0.0`)
      yield* begin
      yield* intervals(3)
      assert.strictEqual((yield* story.registered).length, 1)
      assert.strictEqual((yield* story.attempts)[0]?.state, "reverted")
      assert.strictEqual(yield* story.foreignWrites, 0)
    })
  )

  story(
    "a request that a new leader finds is answered by what the registry has now",
    Effect.gen(function* () {
      const { story, leader, begin } = yield* Story.led(["v1.1.0"])
      const old = yield* story.push("v1.0.0")
      yield* story.change({ pinnedTag: tag("v1.0.0"), request: "pin" })
      yield* awhile
      yield* Fiber.interrupt(leader)
      yield* pass("2 seconds")
      const store = yield* StateStore
      const digest = yield* story.push("v1.2.0")
      yield* store.change({ repository: api, by: "ann", from: "", pinnedTag: "", request: "reset" })
      // Nobody listens for it.
      yield* inFlight.unheard
      yield* begin
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.0.0", old), story.at("v1.2.0", digest)])
    })
  )

  story(
    "S20: a repository that is mapped to another job takes what that one runs for no drift",
    Effect.gen(function* () {
      const { story, leader } = yield* Story.led(["v1.1.0"])
      const nomad = yield* NomadSimulator
      yield* story.push("v1.0.0")
      yield* nomad.register(sampleJob({ id: "other", image: `${story.image}:v1.0.0`, task: "api" }))
      yield* Fiber.interrupt(leader)
      const mapped = watchedAs("api", story.host)
      yield* watch([
        { ...mapped, mapping: { ...mapped.mapping, job: { ...mapped.mapping.job, job: "other" } } }
      ])
      yield* awhile
      assert.strictEqual(yield* story.decision, "InSync")
      assert.strictEqual((yield* story.registered).length, 1)
    })
  )

  story(
    "S18: the rollout of a repository that is watched in another job now is followed no more",
    Effect.gen(function* () {
      const { story, leader } = yield* Story.led(["v1.0.0"])
      yield* story.push("v1.1.0-slow")
      yield* story.change({ pinnedTag: tag("v1.1.0-slow"), request: "pin" })
      assert.strictEqual((yield* story.attempts)[0]?.state, "accepted")
      yield* Fiber.interrupt(leader)
      const { mapping } = watchedAs("api", story.host)
      yield* watch([
        watchedAs("api", story.host, { mapping: { ...mapping, job: { ...mapping.job, job: "next" } } })
      ])
      yield* pass("2 seconds")
      assert.strictEqual((yield* story.attempts)[0]?.state, "superseded")
    })
  )

  story(
    "L9: a leader that begins reads its jobs one after another, not all at once",
    Effect.gen(function* () {
      const nomad = yield* NomadSimulator
      const registry = yield* RegistrySimulator
      const names = Array.from({ length: 100 }, (_, n) => `repo-${n}`)
      for (const name of names) {
        yield* registry.push(name, "v1.0.0")
        yield* nomad.register(sampleJob({ id: name, image: `${registry.origin.host}/${name}:v1.0.0` }))
      }
      yield* pass("10 seconds")
      yield* watch(names.map((name) => watchedAs(name, registry.origin.host)))
      yield* pass("1 second")
      // Two reads a job, spread over five seconds.
      assert.isAtMost((yield* nomad.requests).length, 90)
      yield* pass("6 seconds")
      assert.isAtLeast((yield* nomad.requests).length, 200)
    })
  )
})
