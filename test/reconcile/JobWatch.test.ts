import { assert, describe } from "@effect/vitest"
import { Duration, Effect, Logger } from "effect"
import { Deployer } from "../../src/deployer/Deployer.ts"
import type { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { StoreError, StoreUnavailable } from "../../src/store/StoreError.ts"
import { watch, watchedAs } from "./loop.ts"
import { awhile, pass, Story, story } from "./story.ts"

const intervals = (count: number) => pass(Duration.seconds(60 * count))

/** Two repositories of one job: `api`, and `worker` in a task of its own, or in none. */
const twoOfOneJob = Effect.fnUntraced(function* (hasWorker = true) {
  const nomad = yield* NomadSimulator
  const registry = yield* RegistrySimulator
  const { host } = registry.origin
  const story = new Story("api", host)
  for (const image of ["api", "worker"]) yield* registry.push(image, "v1.0.0")
  const others = hasWorker ? [{ task: "worker", image: `${host}/worker:v1.0.0` }] : []
  yield* nomad.register(sampleJob({ id: "api", image: `${host}/api:v1.0.0`, others }))
  yield* pass("10 seconds")
  const worker = watchedAs("worker", host)
  const { job } = watchedAs("api", host).mapping
  yield* watch([watchedAs("api", host), { ...worker, mapping: { ...worker.mapping, job } }])
  // Long enough that both are remembered as in sync.
  yield* pass("135 seconds")
  return story
})

describe("the watch of a job", () => {
  story(
    "L6: ends a pass that hangs after two minutes, and the next one finds what there is to do",
    Effect.gen(function* () {
      const deployer = yield* Deployer
      let hangs = false
      const hanging = Deployer.of({
        ...deployer,
        observe: (mapping) =>
          Effect.suspend(() => {
            if (!hangs) return deployer.observe(mapping)
            hangs = false
            return Effect.never
          })
      })
      yield* Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"])
        const digest = yield* story.push("v1.1.0")
        hangs = true
        yield* story.check
        yield* pass("100 seconds")
        assert.isFalse(hangs)
        assert.deepStrictEqual(yield* story.registered, [])
        yield* pass("30 seconds")
        assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
      }).pipe(Effect.provideService(Deployer, hanging))
    })
  )

  story(
    "L7: backs off from a database that fails, though a poll is due",
    Effect.gen(function* () {
      const store = yield* StateStore
      let asked = 0
      let fails = false
      const failing = StateStore.of({
        ...store,
        remembered: (...args) =>
          Effect.suspend(() => {
            if (!fails) return store.remembered(...args)
            asked++
            const reason = new StoreUnavailable({ cause: new Error("gone") })
            return Effect.fail(new StoreError({ call: "StateStore.remembered", reason }))
          })
      })
      yield* Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"])
        fails = true
        yield* story.change({ autoDeploy: false })
        yield* pass(Duration.minutes(5))
        // After 1, 2, 4, 8, 16, 32 and then 59 seconds, half of each by chance; a spinning watch would be in the thousands.
        assert.isAtLeast(asked, 5)
        assert.isAtMost(asked, 20)
        fails = false
        const digest = yield* story.push("v1.1.0")
        yield* story.change({ autoDeploy: true })
        yield* awhile
        assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
      }).pipe(Effect.provideService(StateStore, failing))
    })
  )

  story(
    "an attempt of one repository is news to the others of its job, and its rollout followed at once",
    Effect.gen(function* () {
      const story = yield* twoOfOneJob()
      yield* story.push("v1.1.0")
      yield* story.check
      yield* pass("20 seconds")
      const store = yield* StateStore
      assert.deepStrictEqual(yield* story.states, ["succeeded"])
      assert.lengthOf(yield* store.attempts("worker" as RepositoryName, 10), 0)
    })
  )

  story(
    "S1: L2: another repository of the job, whose task is not there, aborts nothing that waits for Nomad",
    Effect.gen(function* () {
      const story = yield* twoOfOneJob(false)
      const nomad = yield* NomadSimulator
      const onRegister = { method: "POST", path: "/v1/job" } as const
      yield* nomad.inject({ _tag: "Answer", ...onRegister, status: 403, body: "Permission denied" })
      yield* story.push("v1.1.0")
      yield* intervals(5)
      assert.deepStrictEqual(yield* story.ways, ["intended submitted intended"])
    })
  )

  story(
    "L7: backs off from a Nomad that takes no register, though another repository of the job is well",
    Effect.gen(function* () {
      const story = yield* twoOfOneJob()
      const nomad = yield* NomadSimulator
      yield* nomad.inject({ _tag: "TooManyConnections", method: "POST", path: "/v1/jobs" })
      yield* story.push("v1.1.0")
      yield* intervals(2)
      const sent = Effect.map(
        nomad.requests,
        (all) => all.filter(({ method, path }) => method === "POST" && path.startsWith("/v1/jobs?")).length
      )
      const before = yield* sent
      yield* intervals(5)
      // By its delays of 30 to 59 seconds, and at each poll; once a second it would be 300.
      assert.isAtMost((yield* sent) - before, 20)
      yield* nomad.clearFaults
      yield* intervals(2)
      assert.lengthOf(yield* story.registered, 1)
    })
  )

  story(
    "L11: a repository that fails delays no other of its job, and is said once",
    Effect.gen(function* () {
      const store = yield* StateStore
      const lines: Array<string> = []
      let fails = false
      let asked = 0
      const failing = StateStore.of({
        ...store,
        remembered: (name, ...rest) =>
          Effect.suspend(() => {
            if (!fails || name !== "worker") return store.remembered(name, ...rest)
            asked++
            const reason = new StoreUnavailable({ cause: new Error("malformed") })
            return Effect.fail(new StoreError({ call: "StateStore.remembered", reason }))
          })
      })
      yield* Effect.gen(function* () {
        const story = yield* twoOfOneJob()
        fails = true
        yield* store.change({
          repository: "worker" as RepositoryName,
          autoDeploy: false,
          by: "ann",
          from: ""
        })
        yield* intervals(5)
        assert.isAtLeast(asked, 5)
        assert.isAtMost(asked, 40)
        assert.strictEqual(
          lines.filter((line) => line === "pass failed" || line === "passes again").length,
          1
        )
        const digest = yield* story.push("v1.1.0")
        yield* awhile
        assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
      }).pipe(
        Effect.provideService(StateStore, failing),
        Effect.provide(Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))]))
      )
    })
  )
})
