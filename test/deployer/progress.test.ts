import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import { Deployer } from "../../src/deployer/Deployer.ts"
import { attemptA, attemptB, recording, type Json } from "./jobs.ts"
import { nomadScript } from "./NomadScript.ts"
import {
  allocation,
  attempt,
  before,
  deployment,
  following,
  say,
  serving,
  status,
  successful,
  v0,
  v1,
  version,
  type World
} from "./world.ts"

describe("progress", () => {
  it.effect("one call serves all rollouts of a namespace that are under way", () =>
    Effect.gen(function* () {
      const jobs = ["a", "b", "c"]
      const statuses = jobs.map((ID) => status(1, { ID }))
      const attempts = jobs.map((name, at) =>
        attempt({ job: name, nomadVersion: 1, id: `${attemptA.slice(0, -1)}${at}` as never })
      )
      const { said, asked } = yield* following({ versions: [], statuses }, ...attempts)
      assert.deepStrictEqual(said, Array<string>(3).fill("rolling v1: Deployment is running"))
      assert.deepStrictEqual(asked, ["/v1/jobs/statuses?namespace=default"])
    })
  )

  it.effect.each<[string, ReadonlyArray<boolean | null>, Json, string]>([
    ["canaries healthy", [true, true], {}, "awaiting_promotion"],
    ["one canary not", [true, null], {}, "rolling"],
    ["promoted by Nomad", [true, true], { AllAutoPromote: true }, "rolling"]
  ])("the status tells canaries: %s", ([, health, rest, phase]) =>
    Effect.gen(function* () {
      const canary = status(0, {
        Allocs: health.map((Healthy, at) => ({
          ID: String(at),
          JobVersion: 1,
          ClientStatus: "running",
          DeploymentStatus: { Canary: true, Healthy }
        })),
        LatestDeployment: { ...status(0).LatestDeployment, RequiresPromotion: true, ...rest }
      })
      const { said } = yield* following({ versions: [], statuses: [canary] }, attempt({ nomadVersion: 1 }))
      assert.deepStrictEqual(said, [`${phase} v1: Deployment is running`])
    })
  )

  it.effect("a job that ended, or whose newest deployment is another's, is read", () =>
    Effect.gen(function* () {
      const ended = status(2, { LatestDeployment: { ...status(2).LatestDeployment, IsActive: false } })
      const deployments = [successful(1, 1182)]
      const { said } = yield* following(
        { versions: [v1, v0], deployments, statuses: [ended] },
        attempt({ nomadVersion: 1 })
      )
      assert.deepStrictEqual(said, ["succeeded v1: Deployment completed successfully"])
      const older = yield* following(
        { versions: [version(2, 1190, before), v1, v0], deployments, statuses: [status(0, { Version: 2 })] },
        attempt({ nomadVersion: 1 })
      )
      assert.deepStrictEqual(older.said, ["succeeded v1: Deployment completed successfully"])
    })
  )

  it.effect("T8: an older version's deployment that is still under way tells nothing", () =>
    Effect.gen(function* () {
      const older = status(0, { LatestDeployment: { ...status(0).LatestDeployment, JobVersion: 0 } })
      const { said } = yield* following(
        { versions: [v1, v0], deployments: [successful(1, 1182)], statuses: [older] },
        attempt({ nomadVersion: 1 })
      )
      assert.deepStrictEqual(said, ["succeeded v1: Deployment completed successfully"])
    })
  )

  it.effect("a server without the call is asked for it once", () =>
    Effect.gen(function* () {
      const world = { versions: [v1, v0], deployments: [deployment("deployment-running", 1, 1182)] }
      const { endpoint, asked } = yield* nomadScript(serving(() => world))
      yield* Deployer.use((deployer) =>
        Effect.gen(function* () {
          for (let turn = 0; turn < 3; turn++)
            assert.strictEqual((yield* deployer.progress([attempt()])).get(attemptA)?._tag, "Rolling")
        })
      ).pipe(Effect.provide(Deployer.layer(endpoint)))
      assert.strictEqual(asked.filter(({ url }) => url.includes("statuses")).length, 1)
    })
  )

  it.effect("an unplaceable rollout is read again only when the job's status moves", () =>
    Effect.gen(function* () {
      let statuses = [status(0, { Allocs: null })]
      const world = () => ({
        versions: [v1, v0],
        deployments: [deployment("deployment-unplaced", 1, 1182)],
        evaluations: [recording("evaluation-blocked")],
        statuses
      })
      const { endpoint, asked } = yield* nomadScript(serving(world))
      yield* Deployer.use((deployer) =>
        Effect.gen(function* () {
          const look = Effect.map(deployer.progress([attempt()]), (told) => say(told.get(attemptA)))
          assert.match(yield* look, /^unplaceable/)
          const first = asked.length
          assert.match(yield* look, /^unplaceable/)
          assert.strictEqual(asked.length, first + 1)
          statuses = [status(0)]
          assert.match(yield* look, /^rolling/)
        })
      ).pipe(Effect.provide(Deployer.layer(endpoint)))
    })
  )

  it.effect("20 minutes without a newly healthy allocation are slow, until there is one", () =>
    Effect.gen(function* () {
      let healthy = 0
      const { endpoint } = yield* nomadScript(serving(() => ({ versions: [], statuses: [status(healthy)] })))
      yield* Deployer.use((deployer) =>
        Effect.gen(function* () {
          const look = Effect.map(
            deployer.progress([attempt({ nomadVersion: 1 })]),
            (told) => say(told.get(attemptA)).split(" ")[0]
          )
          assert.strictEqual(yield* look, "rolling")
          yield* TestClock.adjust("19 minutes")
          healthy = 1
          assert.strictEqual(yield* look, "rolling")
          yield* TestClock.adjust(Duration.millis(20 * 60_000 - 1))
          assert.strictEqual(yield* look, "rolling")
          yield* TestClock.adjust("1 millis")
          assert.strictEqual(yield* look, "slow")
          healthy = 2
          assert.strictEqual(yield* look, "rolling")
        })
      ).pipe(Effect.provide(Deployer.layer(endpoint)))
    })
  )

  it.effect("slow stays slow over a restart of ours", () =>
    Effect.map(
      following({ versions: [], statuses: [status(0)] }, attempt({ nomadVersion: 1, phase: "slow" })),
      ({ said }) => assert.deepStrictEqual(said, ["slow v1: Deployment is running"])
    )
  )

  it.effect("by allocations: all have run for min_healthy_time, and a restart begins it anew", () =>
    Effect.gen(function* () {
      let restarts = 0
      const world = () => ({
        versions: [v1, v0],
        allocations: [
          allocation({ TaskStates: { t: { StartedAt: "2026-11-23T14:22:49Z", Restarts: restarts } } })
        ]
      })
      const { endpoint } = yield* nomadScript(serving(world))
      yield* Deployer.use((deployer) =>
        Effect.gen(function* () {
          const look = Effect.map(deployer.progress([attempt()]), (told) => say(told.get(attemptA)))
          const waits = "rolling v1: every allocation runs; not long enough yet"
          assert.strictEqual(yield* look, waits)
          yield* TestClock.adjust("999 millis")
          restarts = 1
          assert.strictEqual(yield* look, waits)
          yield* TestClock.adjust("999 millis")
          assert.strictEqual(yield* look, waits)
          // The recorded group has a min_healthy_time of one second.
          yield* TestClock.adjust("1 millis")
          assert.strictEqual(yield* look, "succeeded v1: every allocation ran for its min_healthy_time")
        })
      ).pipe(Effect.provide(Deployer.layer(endpoint)))
    })
  )

  it.effect("L11: what can not be told of one job hides no other", () =>
    Effect.gen(function* () {
      const world: World = { versions: [v1, v0], deployments: [successful(1, 1182)] }
      const { endpoint } = yield* nomadScript((asked) =>
        asked.url.includes("/v1/job/bad/") || asked.url.includes("namespace=shut")
          ? { status: 403, text: "Permission denied" }
          : serving(() => world)(asked)
      )
      const bad = attempt({ id: attemptB, job: "bad" })
      const shut = attempt({ id: attemptB, namespace: "shut" })
      yield* Deployer.use((deployer) =>
        Effect.gen(function* () {
          for (const other of [bad, shut])
            assert.deepStrictEqual([...(yield* deployer.progress([other, attempt()])).keys()], [attemptA])
          const unread = yield* Effect.flip(deployer.progress([bad]))
          assert.strictEqual(unread.reason, "forbidden")
          assert.strictEqual((yield* deployer.progress([])).size, 0)
        })
      ).pipe(Effect.provide(Deployer.layer(endpoint)))
    })
  )
})
