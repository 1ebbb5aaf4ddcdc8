import { assert, describe } from "@effect/vitest"
import { Duration, Effect, Fiber } from "effect"
import { byImage, NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { Database } from "../../src/store/Database.ts"
import { tag } from "../decide/situations.ts"
import { watch, watchedAs } from "./loop.ts"
import { awhile, pass, Story, story } from "./story.ts"

const intervals = (count: number) => pass(Duration.seconds(60 * count))

/** Somebody's register of the job: the tasks `api` and `worker` at these tags. */
const write = (story: Story, first: string, second: string) =>
  Effect.flatMap(NomadSimulator, (nomad) =>
    nomad.register(
      sampleJob({
        id: "api",
        image: `${story.image}:${first}`,
        others: [{ task: "worker", image: `${story.image}:${second}` }],
        minHealthyTime: 10_000
      })
    )
  )

/** One repository for both tasks of its job, which run these tags; nobody watches yet. */
const running = Effect.fnUntraced(function* (first: string, second: string) {
  const { host } = (yield* RegistrySimulator).origin
  const story = new Story("api", host)
  yield* write(story, first, second)
  yield* pass("40 seconds")
  const { mapping } = watchedAs("api", host)
  return { story, begin: watch([watchedAs("api", host, { mapping: { ...mapping, tasks: [] } })]) }
})

const images = Effect.gen(function* () {
  const nomad = yield* NomadSimulator
  const job = yield* nomad.job("default", "api")
  return job?.TaskGroups[0]?.Tasks.map(({ Config }) => Config?.["image"])
})

/** As the release before sets a baseline, which has no such column. */
const seenByReleaseBefore = Effect.flatMap(
  Database,
  ({ pool: sql }) => sql`update repository set baseline_at = now()`
)

/** Held against, told of once, and nothing registered besides `registered`. */
const isDrift = Effect.fnUntraced(function* (story: Story, registered: ReadonlyArray<string>) {
  assert.strictEqual(yield* story.decision, "Stall drift")
  assert.strictEqual(yield* story.foreignWrites, 1)
  assert.deepStrictEqual(yield* story.registered, registered)
})

describe("one repository, several tasks", () => {
  story(
    "S20: S22: of tasks that run different tags at first sight the highest is what runs: the others are brought up to it",
    Effect.gen(function* () {
      const { story, begin } = yield* running("v1.0.0", "v1.1.0")
      yield* story.push("v1.0.0")
      const digest = yield* story.push("v1.1.0")
      yield* begin
      yield* awhile
      const at = story.at("v1.1.0", digest)
      assert.deepStrictEqual(yield* story.registered, [at])
      assert.deepStrictEqual(yield* images, [at, at])
      const [attempt] = yield* story.attempts
      assert.deepInclude(attempt, { fromTag: tag("v1.1.0"), toTag: tag("v1.1.0"), state: "succeeded" })
      assert.strictEqual(yield* story.foreignWrites, 0)
    })
  )

  story(
    "S12: who sets one of two tasks back is held against, and counted",
    Effect.gen(function* () {
      const { story, begin } = yield* running("v1.0.0", "v1.0.0")
      yield* begin
      yield* pass("2 seconds")
      const digest = yield* story.push("v1.1.0")
      yield* awhile
      const at = story.at("v1.1.0", digest)
      assert.deepStrictEqual(yield* story.registered, [at])
      // The baseline is what we wrote, not what was seen since.
      const [attempt] = yield* story.attempts
      assert.deepStrictEqual((yield* story.desired).baselineAt, attempt?.acceptedAt)
      yield* write(story, `v1.1.0@${digest}`, "v1.0.0")
      yield* intervals(3)
      yield* isDrift(story, [at])
    })
  )

  story(
    "S12: S20: also before our first deploy, though the registry had nothing yet at first sight",
    Effect.gen(function* () {
      const { story, begin } = yield* running("v1.0.0", "v1.0.0")
      yield* begin
      yield* pass("2 seconds")
      assert.strictEqual(yield* story.decision, "Wait nothing_elected")
      yield* write(story, "v1.0.0", "v0.9.0")
      yield* pass("5 seconds")
      yield* story.push("v1.0.0")
      yield* intervals(3)
      yield* isDrift(story, [])
      const digest = yield* story.push("v1.1.0")
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
    })
  )

  story(
    "S12: also after Nomad's own rollback",
    Effect.gen(function* () {
      const { story, begin } = yield* running("v1.0.0", "v1.0.0")
      const bad = yield* story.push("v1.2.0")
      yield* begin
      yield* pass("5 seconds")
      // Nothing comes after it: what it left is wanted no more, and not in sync.
      yield* story.change({ autoDeploy: false })
      yield* story.push("v1.1.0")
      yield* intervals(3)
      assert.deepStrictEqual(yield* images, [`${story.image}:v1.0.0`, `${story.image}:v1.0.0`])
      assert.strictEqual(yield* story.decision, "Wait auto_deploy_off")
      yield* write(story, "v1.0.0", "v0.9.0")
      yield* intervals(2)
      assert.strictEqual(yield* story.foreignWrites, 1)
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.2.0", bad)])
    }),
    { outcome: byImage([[/:v1\.2\.0@/, { _tag: "NeverHealthy" }]]) }
  )

  story(
    "S12: also where they differed at first sight, and the lower one was brought up by hand",
    Effect.gen(function* () {
      const { story, begin } = yield* running("v1.0.0", "v1.1.0")
      yield* begin
      yield* pass("2 seconds")
      yield* write(story, "v1.1.0", "v1.1.0")
      yield* pass("5 seconds")
      yield* story.push("v1.1.0")
      yield* intervals(2)
      assert.strictEqual(yield* story.decision, "InSync")
      yield* write(story, "v1.0.0", "v1.1.0")
      yield* intervals(2)
      yield* isDrift(story, [])
    })
  )

  story(
    "S12: also where the release before saw them first: once they are in sync",
    Effect.gen(function* () {
      const { story, begin } = yield* running("v1.0.0", "v1.0.0")
      yield* story.push("v1.0.0")
      const leader = yield* begin
      yield* pass("5 seconds")
      yield* Fiber.interrupt(leader)
      yield* seenByReleaseBefore
      yield* begin
      yield* pass("5 seconds")
      yield* write(story, "v1.0.0", "v0.9.0")
      yield* intervals(2)
      yield* isDrift(story, [])
    })
  )

  story(
    "L2: two digests of one tag are in sync, and written down once: at first sight, and where somebody brings them",
    Effect.gen(function* () {
      const digests = ["a", "b"].map((letter) => `@sha256:${letter.repeat(64)}`)
      const { story, begin } = yield* running(`v1.0.0${digests[0]}`, `v1.0.0${digests[1]}`)
      yield* story.push("v1.0.0")
      yield* begin
      yield* pass("5 seconds")
      const isQuiet = Effect.gen(function* () {
        const { baselineAt } = yield* story.desired
        yield* story.check
        yield* intervals(2)
        assert.strictEqual(yield* story.decision, "InSync")
        assert.deepStrictEqual((yield* story.desired).baselineAt, baselineAt)
      })
      yield* isQuiet
      yield* story.push("v1.1.0")
      yield* write(story, `v1.1.0${digests[0]}`, `v1.1.0${digests[1]}`)
      yield* intervals(2)
      assert.strictEqual((yield* story.desired).baselineTag, "v1.1.0")
      yield* isQuiet
      assert.deepStrictEqual(yield* story.registered, [])
    })
  )

  story(
    "L2: of one task that the release before saw first nothing is to be learnt",
    Effect.gen(function* () {
      const { story, leader, begin } = yield* Story.led(["v1.0.0"])
      yield* Fiber.interrupt(leader)
      yield* seenByReleaseBefore
      const before = (yield* story.desired).baselineAt
      yield* begin
      yield* intervals(2)
      assert.strictEqual(yield* story.decision, "InSync")
      assert.deepStrictEqual((yield* story.desired).baselineAt, before)
    })
  )
})
