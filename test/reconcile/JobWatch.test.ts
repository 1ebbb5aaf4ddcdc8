import { assert, describe } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { Deployer } from "../../src/deployer/Deployer.ts"
import type { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { StoreError, StoreUnavailable } from "../../src/store/StoreError.ts"
import { watch, watchedAs } from "./loop.ts"
import { awhile, pass, Story, story } from "./story.ts"

/** One job with a task of its own name and one of another image. */
const twoImages = (first: string, second: string) => {
  const job = sampleJob({ id: "api", image: first })
  const [group] = job["TaskGroups"] as unknown as ReadonlyArray<{ readonly Tasks: ReadonlyArray<object> }>
  const [task] = group?.Tasks ?? []
  const worker = { ...task, Name: "worker", Config: { image: second } }
  return { ...job, TaskGroups: [{ ...group, Tasks: [task, worker] }] } as unknown as typeof job
}

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
        desired: (name) =>
          Effect.suspend(() => {
            if (!fails) return store.desired(name)
            asked++
            const reason = new StoreUnavailable({ cause: new Error("gone") })
            return Effect.fail(new StoreError({ call: "StateStore.desired", reason }))
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
      const nomad = yield* NomadSimulator
      const registry = yield* RegistrySimulator
      const { host } = registry.origin
      const story = new Story("api", host)
      for (const image of ["api", "worker"]) yield* registry.push(image, "v1.0.0")
      yield* nomad.register(twoImages(`${host}/api:v1.0.0`, `${host}/worker:v1.0.0`))
      yield* pass("10 seconds")
      const worker = watchedAs("worker", host)
      const { job } = watchedAs("api", host).mapping
      yield* watch([watchedAs("api", host), { ...worker, mapping: { ...worker.mapping, job } }])
      // Long enough that both are remembered as in sync.
      yield* pass("135 seconds")
      yield* registry.push("api", "v1.1.0")
      yield* story.check
      yield* pass("20 seconds")
      const store = yield* StateStore
      assert.deepStrictEqual(
        (yield* story.attempts).map(({ state }) => state),
        ["succeeded"]
      )
      assert.lengthOf(yield* store.attempts("worker" as RepositoryName, 10), 0)
    })
  )
})
