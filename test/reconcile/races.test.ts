import { assert, describe } from "@effect/vitest"
import { Deferred, Duration, Effect, Logger } from "effect"
import { Deployer } from "../../src/deployer/Deployer.ts"
import type { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { LostRegisterLife } from "../../src/reconcile/settle.ts"
import { NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { tag } from "../decide/situations.ts"
import { watch, watchedAs } from "./loop.ts"
import { awhile, inFlight, pass, Story, story } from "./story.ts"

const intervals = (count: number) => pass(Duration.seconds(60 * count))
const api = "api" as RepositoryName

/** Real time, enough for a notification. */
const untilTold = Effect.promise(() => new Promise((told) => setTimeout(told, 200)))

/** Real time in which what runs side by side would meet. */
const aMoment = Effect.promise(() => new Promise((over) => setTimeout(over, 5)))

/** Reads of the job are answered so, until it is told otherwise. */
const answersOld = (body: string, headers: Readonly<Record<string, string>> = {}) =>
  Effect.flatMap(NomadSimulator, (nomad) =>
    nomad.inject({ _tag: "Answer", method: "GET", path: "/v1/job/api?", status: 200, body, headers })
  )

describe("what happens in between", () => {
  story(
    "S14: a person's change is not lost to a pass that is reading just then",
    Effect.gen(function* () {
      const store = yield* StateStore
      let isArmed = false
      const click = store.change({
        repository: api,
        by: "ann",
        from: "",
        pinnedTag: tag("old"),
        request: "pin"
      })
      // The change commits, and is told, while what was read before it is on its way.
      const slow = StateStore.of({
        ...store,
        remembered: (...args) =>
          isArmed
            ? Effect.suspend(() => {
                isArmed = false
                return Effect.tap(store.remembered(...args), () =>
                  click.pipe(
                    Effect.catchTag("StaleGeneration", Effect.die),
                    Effect.andThen(inFlight.countedEffect(untilTold))
                  )
                )
              })
            : store.remembered(...args)
      })
      yield* Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"])
        const digest = yield* story.push("old")
        isArmed = true
        yield* store.change({ repository: api, by: "ann", from: "", autoDeploy: false })
        yield* pass("5 seconds")
        assert.deepStrictEqual(yield* story.registered, [story.at("old", digest)])
      }).pipe(Effect.provideService(StateStore, slow))
    })
  )

  story(
    "S16: two repositories of one job are passed over one after another",
    Effect.gen(function* () {
      const deployer = yield* Deployer
      const nomad = yield* NomadSimulator
      const registry = yield* RegistrySimulator
      let [now, most] = [0, 0]
      const slow = Deployer.of({
        ...deployer,
        observe: (mapping) =>
          Effect.acquireUseRelease(
            Effect.sync(() => (most = Math.max(most, ++now))),
            () => Effect.andThen(inFlight.countedEffect(aMoment), deployer.observe(mapping)),
            () => Effect.sync(() => now--)
          )
      })
      const { host } = registry.origin
      const names = ["api", "worker"]
      for (const name of names) yield* registry.push(name, "v1.0.0")
      yield* nomad.register(
        sampleJob({
          id: "api",
          image: `${host}/api:v1.0.0`,
          others: [{ task: "worker", image: `${host}/worker:v1.0.0` }]
        })
      )
      yield* pass("10 seconds")
      yield* Effect.gen(function* () {
        const { mapping } = watchedAs("api", host)
        yield* watch(
          names.map((name) => ({
            ...watchedAs(name, host),
            mapping: { ...mapping, tasks: [name], imageNames: [`${host}/${name}`] }
          }))
        )
        yield* pass("2 seconds")
        for (const name of names) yield* registry.push(name, "v1.1.0")
        yield* intervals(4)
        assert.strictEqual((yield* nomad.registers).length, 2)
        const store = yield* StateStore
        for (const name of names) {
          const attempts = yield* store.attempts(name as RepositoryName, 10)
          assert.deepStrictEqual(
            attempts.map(({ state }) => state),
            ["succeeded"]
          )
        }
        assert.strictEqual(most, 1)
      }).pipe(Effect.provideService(Deployer, slow))
    })
  )

  for (const [sentence, headers] of [
    ["of a server that fell behind", {}],
    ["of a server that knows no leader", { "X-Nomad-KnownLeader": "false" }]
  ] as const) {
    story(
      `S24: nothing is decided on an old read, ${sentence}`,
      Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"])
        const nomad = yield* NomadSimulator
        const read = Effect.promise(() =>
          fetch(`${nomad.url}/v1/job/api?namespace=default`).then((answer) => answer.text())
        )
        const before = yield* read
        const digest = yield* story.push("v1.1.0")
        yield* awhile
        // Newer than what was seen, so that only the leader it does not know speaks against it.
        const ahead = before.replace(/"ModifyIndex":\d+/g, '"ModifyIndex":9000')
        yield* answersOld("X-Nomad-KnownLeader" in headers ? ahead : before, headers)
        // What it says would be somebody's change back, over which v1.2.0 goes.
        yield* story.push("v1.2.0")
        yield* intervals(1)
        assert.strictEqual(yield* story.decision, "Wait nomad_unreachable")
        assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
        yield* nomad.clearFaults
        yield* intervals(2)
        assert.strictEqual(yield* story.decision, "InSync")
        assert.deepStrictEqual(
          (yield* story.attempts).map(({ toTag, state }) => `${toTag} ${state}`),
          ["v1.1.0 succeeded", "v1.2.0 succeeded"]
        )
      })
    )
  }

  story(
    "S12: Nomad's rollback is nobody's write, though a pass reads while it is written down",
    Effect.gen(function* () {
      const store = yield* StateStore
      const [reads, ended] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      let isEnding = false
      // The attempt's end commits while a pass reads, and is answered after that.
      const slow = StateStore.of({
        ...store,
        end: (...args) =>
          Effect.sync(() => (isEnding = true)).pipe(
            Effect.andThen(Deferred.await(reads)),
            Effect.andThen(store.end(...args)),
            Effect.tap(() => Deferred.succeed(ended, undefined)),
            Effect.tap(() => inFlight.countedEffect(aMoment))
          ),
        remembered: (...args) =>
          Effect.suspend(() =>
            isEnding
              ? Deferred.succeed(reads, undefined).pipe(
                  Effect.andThen(Deferred.await(ended)),
                  Effect.andThen(store.remembered(...args))
                )
              : store.remembered(...args)
          )
      })
      yield* Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"])
        yield* story.push("v1.1.0-bad")
        yield* story.change({ pinnedTag: tag("v1.1.0-bad"), request: "pin" })
        yield* intervals(5)
        assert.deepStrictEqual(yield* story.states, ["reverted"])
        assert.strictEqual(yield* story.foreignWrites, 0)
      }).pipe(Effect.provideService(StateStore, slow))
    })
  )

  story(
    "S12: one write of somebody else counts once, though our register over it was lost",
    Effect.gen(function* () {
      const { story } = yield* Story.led(["v1.1.0"], { drift: "restore" })
      const nomad = yield* NomadSimulator
      yield* story.push("v1.0.0")
      yield* nomad.inject({ _tag: "Drop", method: "POST", path: "/v1/job", when: "before", times: 1 })
      yield* nomad.register(sampleJob({ id: "api", image: `${story.image}:v1.0.0` }))
      yield* intervals(3)
      assert.deepStrictEqual(yield* story.states, ["aborted", "succeeded"])
      assert.strictEqual(yield* story.foreignWrites, 1)
    }).pipe(Effect.provideService(LostRegisterLife, Duration.zero))
  )

  story(
    "L13: a job whose source cannot be read is waited for by name",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const nomad = yield* NomadSimulator
      yield* nomad.inject({ _tag: "Answer", path: "/submission", status: 500, body: "broken" })
      const digest = yield* story.push("v1.1.0")
      yield* awhile
      assert.strictEqual(yield* story.decision, "Wait nomad_unreachable")
      assert.deepStrictEqual(yield* story.attempts, [])
      yield* nomad.clearFaults
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
    })
  )

  story(
    "a rollout is told when it moves, not at every look",
    Effect.gen(function* () {
      let told = 0
      const counting = Logger.layer([
        Logger.make(({ message }) => {
          if (String(message) === "rollout") told++
        })
      ])
      yield* Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"], {}, { minHealthyTime: 20_000 })
        yield* story.push("v1.1.0")
        yield* intervals(2)
        assert.deepInclude((yield* story.attempts)[0], { state: "succeeded" })
        assert.isAtLeast(told, 1)
        assert.isAtMost(told, 2)
      }).pipe(Effect.provide(counting))
    })
  )
})
