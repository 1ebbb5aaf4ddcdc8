import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { Deployer } from "../../src/deployer/Deployer.ts"
import type { JobRef } from "../../src/domain/JobRef.ts"
import type { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { watch, watchedAs } from "./loop.ts"
import { inFlight, pass, Story, story } from "./story.ts"

type Scope = Pick<JobRef, "namespace">
const hangingNamespace = "far"

/** The clock of the story goes on while calls of the namespace wait for their deadline, which else it would not pass. */
const unwaited = Effect.map(Deployer, (deployer) => {
  const hangs = { now: false }
  const call = <A, E, R>(scopes: ReadonlyArray<Scope>, effect: Effect.Effect<A, E, R>) =>
    Effect.suspend(() =>
      hangs.now && scopes.some(({ namespace }) => namespace === hangingNamespace)
        ? inFlight.unwaited(effect)
        : effect
    )
  return {
    hangs,
    deployer: Deployer.of({
      ...deployer,
      observe: (mapping) => call([mapping.job], deployer.observe(mapping)),
      settle: (attempt) => call([attempt], deployer.settle(attempt)),
      progress: (attempts) => call(attempts, deployer.progress(attempts)),
      indexes: (scope) => call([scope], deployer.indexes(scope))
    })
  }
})

/** Nobody gives a rollout up here. */
const patient = { HealthyDeadline: 3600e9, ProgressDeadline: 7200e9 }

/** v1.1.0 rolls out for an hour. */
const rollingOut = Effect.gen(function* () {
  const nomad = yield* NomadSimulator
  const story = yield* Story.begin(["v1.0.0"], {}, { update: patient })
  yield* nomad.setOutcome({ image: ":v1.1.0", outcome: { _tag: "Healthy", after: 3_600_000 } })
  yield* story.push("v1.1.0")
  yield* story.check
  yield* pass("60 seconds")
  return story
})

describe("rollouts, followed together", () => {
  story(
    "L6: while calls of one namespace hang, another's pushes are registered and its rollouts followed on time",
    Effect.gen(function* () {
      const nomad = yield* NomadSimulator
      const registry = yield* RegistrySimulator
      const store = yield* StateStore
      const { hangs, deployer } = yield* unwaited
      const { host } = registry.origin
      const far = Array.from({ length: 20 }, (_, n) => `far-${n}`)
      const near = ["api", "web", "worker"]
      const check = (name: string) => store.checkNow(name as RepositoryName)
      yield* Effect.gen(function* () {
        for (const name of [...far, ...near]) {
          const namespace = far.includes(name) ? hangingNamespace : "default"
          yield* registry.push(name, "v1.0.0")
          yield* nomad.register(
            sampleJob({ id: name, image: `${host}/${name}:v1.0.0`, namespace, update: patient })
          )
        }
        yield* pass("10 seconds")
        yield* watch(
          [...far, ...near].map((name) => {
            const watched = watchedAs(name, host)
            const namespace = far.includes(name) ? hangingNamespace : "default"
            const job = { ...watched.mapping.job, namespace }
            return { ...watched, mapping: { ...watched.mapping, job } }
          })
        )
        yield* pass("10 seconds")
        // One half of them is to be followed, the other half to be looked at.
        const outcome = { _tag: "Healthy", after: 3_600_000 } as const
        yield* nomad.setOutcome({ namespace: hangingNamespace, image: ":v1.1.0", outcome })
        for (const name of far.slice(10)) {
          yield* registry.push(name, "v1.1.0")
          yield* check(name)
        }
        yield* pass("3 seconds")
        yield* nomad.inject({ _tag: "Delay", path: `namespace=${hangingNamespace}`, millis: 86_400_000 })
        hangs.now = true
        for (const name of far) {
          yield* registry.push(name, "v1.2.0")
          yield* check(name)
        }
        yield* pass("1 second")
        for (const name of near) {
          const story = new Story(name, host)
          const digest = yield* registry.push(name, "v1.1.0")
          yield* check(name)
          yield* pass("1 second")
          assert.strictEqual(yield* story.running, story.at("v1.1.0", digest))
          while ((yield* nomad.job("default", name))?.["Stable"] !== true) yield* pass("500 millis")
          yield* pass("2500 millis")
          assert.deepStrictEqual(yield* story.ways, ["intended submitted accepted succeeded"])
        }
        for (const name of far.slice(10))
          assert.deepStrictEqual(yield* new Story(name, host).ways, ["intended submitted accepted"])
      }).pipe(Effect.provideService(Deployer, deployer))
    }),
    { namespaces: [hangingNamespace] }
  )

  story(
    "L8: while rollouts of ours go on, their jobs are not read one by one, whatever comes and goes",
    Effect.gen(function* () {
      const nomad = yield* NomadSimulator
      const story = yield* rollingOut
      assert.deepStrictEqual(yield* story.ways, ["intended submitted accepted"])
      const before = (yield* nomad.requests).length
      yield* story.check
      yield* pass("3 minutes")
      const asked = (yield* nomad.requests).slice(before)
      assert.deepStrictEqual(
        asked.filter(({ path }) => path.startsWith("/v1/job/")),
        []
      )
      assert.isAtLeast(asked.filter(({ path }) => path.startsWith("/v1/jobs/statuses")).length, 85)
      yield* story.push("v1.2.0")
      yield* story.check
      assert.include(yield* story.running, ":v1.2.0")
    })
  )

  story(
    "S16: of a rollout that is paused, and goes on, the next pass knows, though no index of the job moved",
    Effect.gen(function* () {
      const nomad = yield* NomadSimulator
      const story = yield* rollingOut
      const id = (yield* story.attempts)[0]?.deploymentId ?? ""
      const pause = (Pause: boolean) =>
        Effect.promise(() =>
          fetch(`${nomad.url}/v1/deployment/pause/${id}`, {
            method: "POST",
            body: JSON.stringify({ DeploymentID: id, Pause })
          })
        )
      assert.strictEqual((yield* pause(true)).status, 200)
      yield* story.push("v1.2.0")
      yield* story.check
      assert.include(yield* story.running, ":v1.1.0")
      assert.strictEqual(yield* story.decision, "Follow")
      assert.include(yield* story.words, "paused in Nomad: resume or fail it there")
      assert.strictEqual((yield* pause(false)).status, 200)
      yield* story.check
      assert.include(yield* story.running, ":v1.2.0")
    })
  )
})
