import { assert, describe } from "@effect/vitest"
import { Duration, Effect } from "effect"
import type { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { follow } from "../../src/reconcile/follow.ts"
import { reconciler } from "../../src/reconcile/Reconciler.ts"
import { byImage, NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { Database } from "../../src/store/Database.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { tag } from "../decide/situations.ts"
import { acceptedAttempt, newFence } from "../store/rows.ts"
import { watch, watchedAs } from "./loop.ts"
import { awhile, pass, Story, story } from "./story.ts"

const intervals = (count: number) => pass(Duration.seconds(60 * count))
const v12 = /:v1\.2\.0@/
const bad = { outcome: byImage([[v12, { _tag: "NeverHealthy" }]]) }
const noRegistry = { outcome: byImage([[v12, { _tag: "PullFails", reason: "server error" }]]) }

/** The quarantine's rows: what failed, how often, and whether for good. */
const kept = Effect.gen(function* () {
  const { pool: sql } = yield* Database
  return yield* sql`select repository, failures, until is null as for_good from quarantine order by repository`
})
/** By Postgres's clock, which does not pass here. */
const quarantinesEnd = Effect.gen(function* () {
  const { pool: sql } = yield* Database
  yield* sql`update quarantine set until = now() - interval '1 second' where until is not null`
})

const outcomes = (story: Story) =>
  Effect.map(story.attempts, (all) => all.map(({ toTag, state }) => `${toTag} ${state}`))

/** A job of one group with two tasks. */
const twoTasks = (image: string, second: string) =>
  sampleJob({ id: "api", image, others: [{ task: "worker", image: second }], minHealthyTime: 10_000 })

/** Two repositories of one job, one task each; the first of them is passed over first. */
const watchTwo = (first: "api" | "worker") =>
  Effect.gen(function* () {
    const nomad = yield* NomadSimulator
    const { host } = (yield* RegistrySimulator).origin
    const [api, worker] = [new Story("api", host), new Story("worker", host)]
    for (const each of [api, worker]) yield* each.push("v1.0.0")
    yield* nomad.register(twoTasks(`${host}/api:v1.0.0`, `${host}/worker:v1.0.0`))
    yield* pass("40 seconds")
    const { mapping } = watchedAs("api", host)
    yield* watch(
      (first === "api" ? [api, worker] : [worker, api]).map(({ name }) => ({
        ...watchedAs(name, host),
        mapping: { ...mapping, tasks: [name], imageNames: [`${host}/${name}`] as const }
      }))
    )
    yield* pass("2 seconds")
    return { api, worker }
  })

describe("S11: what failed is remembered", () => {
  story(
    "S11: S8: a version that Nomad rolled back is passed over: for a lower one, never below what ran, and for a newer one",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.1.0"])
      yield* story.push("v1.2.0")
      yield* intervals(3)
      assert.deepStrictEqual(yield* outcomes(story), ["v1.2.0 reverted"])
      assert.deepStrictEqual(yield* kept, [{ repository: "api", failures: 0, for_good: true }])
      yield* story.push("v1.0.9")
      yield* intervals(2)
      assert.strictEqual(yield* story.decision, "InSync")
      yield* story.push("v1.1.5")
      yield* intervals(2)
      yield* story.push("v1.3.0")
      yield* intervals(2)
      const all = ["v1.2.0 reverted", "v1.1.5 succeeded", "v1.3.0 succeeded"]
      assert.deepStrictEqual(yield* outcomes(story), all)
    }),
    bad
  )

  story(
    "S8: S11: a version that a reset asked for and that failed sets no mark: a lower one goes on",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.1.0"])
      yield* story.change({ autoDeploy: false })
      yield* story.push("v1.1.5")
      yield* story.push("v1.2.0")
      yield* story.change({ autoDeploy: true, request: "reset" })
      yield* intervals(4)
      assert.deepStrictEqual(yield* outcomes(story), ["v1.2.0 reverted", "v1.1.5 succeeded"])
      assert.strictEqual((yield* story.desired).highWaterMark, "v1.1.5")
    }),
    bad
  )

  story(
    "S11: a person's pin that lifts it tries it once more",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.1.0"])
      const lift = yield* story.push("v1.2.0")
      yield* intervals(3)
      yield* story.change({ pinnedTag: tag("v1.2.0"), request: "pin", lift })
      yield* intervals(10)
      assert.deepStrictEqual(yield* outcomes(story), ["v1.2.0 reverted", "v1.2.0 reverted"])
    }),
    bad
  )

  story(
    "S11: what its surroundings failed is tried again when the quarantine ends, by a timer, three times",
    Effect.gen(function* () {
      const registry = yield* RegistrySimulator
      const nomad = yield* NomadSimulator
      const story = new Story("api", registry.origin.host)
      yield* story.push("v1.1.0")
      yield* nomad.register(sampleJob({ id: "api", image: `${story.image}:v1.1.0` }))
      yield* pass("10 seconds")
      yield* story.push("v1.2.0")
      // No poll comes to its help.
      const watched = [watchedAs("api", story.host)]
      yield* Effect.forkScoped(reconciler({ watched, interval: Duration.hours(24) }))
      yield* intervals(3)
      for (let failures = 1; failures <= 3; failures++) {
        assert.strictEqual((yield* story.registered).length, failures)
        assert.deepStrictEqual(yield* kept, [{ repository: "api", failures, for_good: false }])
        yield* quarantinesEnd
        yield* pass(Duration.minutes(15 * 2 ** (failures - 1) + 3))
      }
      assert.deepStrictEqual(yield* kept, [{ repository: "api", failures: 4, for_good: true }])
      yield* quarantinesEnd
      yield* intervals(30)
      assert.strictEqual((yield* story.registered).length, 4)
    }),
    noRegistry
  )

  story(
    "S11: rule 10: where nothing reverts it, the failed one stands, is tried again when that ends, and by a mended image",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.1.0"], {}, { autoRevert: false })
      const digest = yield* story.push("v1.2.0")
      yield* intervals(4)
      assert.strictEqual(yield* story.decision, "Stall rollout_failed")
      assert.strictEqual((yield* story.registered).length, 1)
      yield* quarantinesEnd
      yield* intervals(3)
      assert.deepStrictEqual(yield* story.registered, [
        story.at("v1.2.0", digest),
        story.at("v1.2.0", digest)
      ])
      const mended = yield* story.push("v1.2.0", "mended")
      yield* intervals(2)
      assert.deepStrictEqual((yield* story.registered).slice(2), [story.at("v1.2.0", mended)])
    }),
    noRegistry
  )

  story(
    "S11: a success forgets the failures",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.1.0"])
      yield* story.push("v1.2.0")
      yield* intervals(3)
      hasRegistry = true
      yield* quarantinesEnd
      yield* intervals(18)
      assert.deepStrictEqual(yield* outcomes(story), ["v1.2.0 reverted", "v1.2.0 succeeded"])
      assert.deepStrictEqual(yield* kept, [])
    }),
    { outcome: (start) => (hasRegistry ? { _tag: "Healthy" } : noRegistry.outcome(start)) }
  )
  let hasRegistry = false

  const two = watchTwo("api")

  for (const first of ["api", "worker"] as const) {
    story(
      `S11: of two repositories in one job only the one whose task failed is kept out; the other is made anew: ${first} first`,
      Effect.gen(function* () {
        const { api, worker } = yield* watchTwo(first)
        const store = yield* StateStore
        yield* api.push("ok")
        yield* worker.push("crash")
        const pin = { request: "pin", by: "ann", from: "" } as const
        yield* store.change({ repository: worker.name as RepositoryName, pinnedTag: tag("crash"), ...pin })
        yield* store.change({ repository: api.name as RepositoryName, pinnedTag: tag("ok"), ...pin })
        yield* intervals(4)
        assert.deepStrictEqual(yield* outcomes(worker), ["crash reverted"])
        assert.deepStrictEqual(
          (yield* kept).map(({ repository }) => repository),
          ["worker"]
        )
        assert.deepStrictEqual(yield* outcomes(api), ["ok reverted", "ok succeeded"])
        assert.strictEqual(yield* api.decision, "InSync")
      })
    )
  }

  story(
    "S11: of two repositories in one job, of which a person fails one while both roll out, the other is made anew at once",
    Effect.gen(function* () {
      const { api, worker } = yield* two
      yield* api.push("ok")
      yield* worker.push("unwanted")
      yield* api.change({ pinnedTag: tag("ok"), request: "pin" })
      yield* worker.change({ pinnedTag: tag("unwanted"), request: "pin" })
      const attempt = (yield* worker.attempts)[0]?.id ?? assert.fail("nothing was deployed")
      const store = yield* StateStore
      const order = { repository: worker.name as RepositoryName, attempt, order: "fail" } as const
      assert.isTrue((yield* store.orderRollout({ ...order, by: "ann", from: "" })).ordered)
      yield* intervals(2)
      assert.deepStrictEqual(yield* outcomes(worker), ["unwanted reverted"])
      assert.deepStrictEqual(
        (yield* kept).map(({ repository, for_good }) => [repository, for_good]),
        [["worker", true]]
      )
      assert.deepStrictEqual(yield* outcomes(api), ["ok reverted", "ok succeeded"])
      assert.match(
        (yield* api.attempts)[0]?.words ?? "",
        /; ann failed the rollout of worker, and this one with it$/
      )
    })
  )

  story(
    "T16: what a rollback swallowed is made anew, with the same request",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.1.0"], {}, { minHealthyTime: 20_000 })
      const nomad = yield* NomadSimulator
      // Until what runs is stable.
      yield* pass("30 seconds")
      const call = (path: string, body: object) =>
        Effect.promise(() => fetch(`${nomad.url}${path}`, { method: "POST", body: JSON.stringify(body) }))
      const broker = (PauseEvalBroker: boolean) =>
        call("/v1/operator/scheduler/configuration", { PauseEvalBroker })
      yield* story.push("v1.2.0-bad")
      yield* story.change({ pinnedTag: tag("v1.2.0-bad"), request: "pin" })
      const [first] = yield* story.attempts
      yield* pass("5 seconds")
      yield* broker(true)
      const digest = yield* story.push("stable")
      yield* story.change({ pinnedTag: tag("stable"), request: "pin" })
      const deployment = (yield* story.attempts)[0]?.deploymentId ?? first?.deploymentId ?? ""
      yield* call(`/v1/deployment/fail/${deployment}`, {})
      yield* broker(false)
      yield* intervals(4)
      assert.deepStrictEqual(yield* outcomes(story), [
        "v1.2.0-bad reverted",
        "stable superseded",
        "stable succeeded"
      ])
      const [, swallowed, anew] = yield* story.attempts
      assert.deepInclude(anew, {
        reason: "requested",
        requestKind: "pin",
        requestedBy: swallowed?.requestedBy ?? ""
      })
      assert.strictEqual(yield* story.running, story.at("stable", digest))
      assert.isNull((yield* story.desired).requestedGeneration)
    })
  )

  for (const [who, failing, byRequest] of [
    ["one's rollback swallows the other's request, which is made anew", "v1.1.0-bad", true],
    // What is stuck a newer target may supersede (S16).
    ["and the other's own move, without anybody asking", "v1.1.0-noroom", false]
  ] as const) {
    story(
      `T16: S11: of two repositories in one job ${who}`,
      Effect.gen(function* () {
        const { api, worker } = yield* two
        const nomad = yield* NomadSimulator
        yield* api.push(failing)
        yield* api.change({ pinnedTag: tag(failing), request: "pin" })
        yield* pass("5 seconds")
        yield* nomad.pauseEvaluations(true)
        const digest = yield* worker.push("v1.1.0")
        if (byRequest) yield* worker.change({ pinnedTag: tag("v1.1.0"), request: "pin" })
        else yield* worker.check
        assert.deepStrictEqual(yield* outcomes(worker), ["v1.1.0 accepted"])
        const [rolling] = yield* api.attempts
        const path = `/v1/deployment/fail/${rolling?.deploymentId}`
        yield* Effect.promise(() => fetch(`${nomad.url}${path}`, { method: "POST", body: "{}" }))
        yield* nomad.pauseEvaluations(false)
        yield* intervals(4)
        assert.deepStrictEqual((yield* outcomes(api)).slice(0, 1), [`${failing} reverted`])
        assert.deepStrictEqual(yield* outcomes(worker), ["v1.1.0 superseded", "v1.1.0 succeeded"])
        assert.deepStrictEqual(
          (yield* kept).map(({ repository }) => repository),
          ["api"]
        )
        const job = yield* nomad.job("default", "api")
        const images = job?.TaskGroups[0]?.Tasks.map(({ Config }) => Config?.["image"])
        assert.deepStrictEqual(images, [`${api.image}:v1.0.0`, worker.at("v1.1.0", digest)])
        assert.strictEqual(yield* worker.decision, "InSync")
      })
    )
  }

  story(
    "S11: what was read before an end is forgotten before the end is written",
    Effect.gen(function* () {
      const store = yield* StateStore
      const order: Array<string> = []
      const telling = StateStore.of({
        ...store,
        end: (...args) => Effect.tap(store.end(...args), () => Effect.sync(() => order.push("end")))
      })
      yield* store.adopt([watchedAs("api", "registry.test")])
      const fence = yield* newFence
      // Of a job that is gone.
      yield* acceptedAttempt(fence, { repository: "api" as RepositoryName })
      const attempts = yield* store.attempts("api" as RepositoryName, 1)
      yield* follow(fence, attempts, () => order.push("forget")).pipe(
        Effect.provideService(StateStore, telling)
      )
      assert.deepStrictEqual(order, ["forget", "end"])
    })
  )

  story(
    "S8: a success below the mark that a person set meanwhile leaves it",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"], {}, { minHealthyTime: 20_000 })
      yield* story.push("v1.1.0")
      yield* pass("65 seconds")
      assert.deepStrictEqual(yield* outcomes(story), ["v1.1.0 accepted"])
      // Not in the registry yet.
      yield* story.change({ pinnedTag: tag("v1.5.0"), request: "pin" })
      yield* awhile
      assert.deepStrictEqual(yield* outcomes(story), ["v1.1.0 succeeded"])
      assert.strictEqual((yield* story.desired).highWaterMark, "v1.5.0")
    })
  )

  story(
    "S12: Nomad's rollback to tasks of two versions is nobody's write",
    Effect.gen(function* () {
      const nomad = yield* NomadSimulator
      const { host } = (yield* RegistrySimulator).origin
      const story = new Story("api", host)
      for (const version of ["v1.0.0", "v1.1.0"]) yield* story.push(version)
      yield* nomad.register(twoTasks(`${story.image}:v1.0.0`, `${story.image}:v1.1.0`))
      yield* pass("40 seconds")
      yield* story.push("v1.2.0")
      yield* watch([watchedAs("api", host, { mapping: { ...watchedAs("api", host).mapping, tasks: [] } })])
      yield* pass("5 seconds")
      // Nothing comes after it.
      yield* story.change({ autoDeploy: false })
      yield* intervals(3)
      assert.deepStrictEqual(yield* outcomes(story), ["v1.2.0 reverted"])
      assert.strictEqual((yield* story.desired).baselineTag, "v1.1.0")
      const { pool: sql } = yield* Database
      assert.deepStrictEqual(yield* sql`select from audit where action = 'foreign write'`, [])
    }),
    bad
  )
})
