import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { TestClock } from "effect/testing"
import { Deployer } from "../../src/deployer/Deployer.ts"
import { attemptA, attemptB, recording, type Json } from "./jobs.ts"
import { nomadScript } from "./NomadScript.ts"
import {
  after,
  allocation,
  attempt,
  before,
  cancelled,
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

const crashed = { State: "dead", Failed: true, StartedAt: null, Restarts: 0 }

describe("progress", () => {
  it.effect("L8: one call a look serves all healthy rollouts of a namespace, however many", () =>
    Effect.gen(function* () {
      const jobs = Array.from({ length: 50 }, (_, at) => `job-${at}`)
      const attempts = jobs.map((name, at) =>
        attempt({ job: name, nomadVersion: 1, id: `${attemptA.slice(0, -2)}${at + 10}` as never })
      )
      let healthy = 0
      const world = () => ({ versions: [], statuses: jobs.map((ID) => status(healthy, { ID })) })
      const { endpoint, asked } = yield* nomadScript(serving(world))
      yield* Deployer.use((deployer) =>
        Effect.gen(function* () {
          for (healthy of [0, 1, 2]) {
            const told = yield* deployer.progress(attempts)
            assert.deepStrictEqual(
              attempts.map(({ id }) => say(told.get(id))),
              Array<string>(50).fill(`rolling v1: ${healthy} of 2 allocations healthy`)
            )
          }
        })
      ).pipe(Effect.provide(Deployer.layer(endpoint)))
      assert.deepStrictEqual(
        asked.map(({ url }) => url),
        Array<string>(3).fill("/v1/jobs/statuses?namespace=default")
      )
    })
  )

  it.effect("L8: one that was just accepted is read once, one that another's version carries as well", () =>
    Effect.gen(function* () {
      let healthy = 0
      const world = (): World => ({
        versions: [version(2, 1190, after, attemptB), v1, v0],
        deployments: [cancelled(1, 1182), deployment("deployment-running", 2, 1190)],
        statuses: [
          status(0, {
            Version: 2,
            Allocs: [0, 1, 2].map((at) => ({
              ID: String(at),
              JobVersion: 2,
              ClientStatus: "running",
              DeploymentStatus: { Canary: false, Healthy: at < healthy ? true : null }
            })),
            LatestDeployment: { ...status(0).LatestDeployment, JobVersion: 2 }
          })
        ]
      })
      const { endpoint, asked } = yield* nomadScript(serving(world))
      yield* Deployer.use((deployer) =>
        Effect.gen(function* () {
          const both = [attempt(), attempt({ id: attemptB, nomadIndex: 1190 })]
          for (healthy of [0, 1, 2]) {
            const told = yield* deployer.progress(both)
            // The recorded deployment, read at first, is of one allocation.
            const words = `${healthy} of ${healthy === 0 ? 1 : 3} allocations healthy`
            assert.deepStrictEqual(
              both.map(({ id }) => say(told.get(id))),
              [`rolling v1: ${words}`, `rolling v2: ${words}`]
            )
          }
        })
      ).pipe(Effect.provide(Deployer.layer(endpoint)))
      assert.strictEqual(asked.length, 3 + 2 * 2)
    })
  )

  it.effect("an unhealthy allocation is read for its reason once, until the job's status moves", () =>
    Effect.gen(function* () {
      const [first, second] = status(1).Allocs
      let statuses = [
        status(1, { Allocs: [first, { ...second, DeploymentStatus: { Canary: false, Healthy: false } }] })
      ]
      const counts = { DesiredTotal: 2, HealthyAllocs: 1, UnhealthyAllocs: 1 }
      const running = deployment("deployment-running", 1, 1182)
      const [recorded] = Object.values(running["TaskGroups"] as Readonly<Record<string, Json>>)
      const world = () => ({
        versions: [v1, v0],
        deployments: [{ ...running, TaskGroups: { g: { ...recorded, ...counts } } }],
        allocations: [
          allocation({
            DeploymentStatus: { Healthy: false },
            TaskStates: {
              t: { ...crashed, Events: [{ Type: "Terminated", Time: 1, Details: { exit_code: "1" } }] }
            }
          })
        ],
        statuses
      })
      const { endpoint, asked } = yield* nomadScript(serving(world))
      yield* Deployer.use((deployer) =>
        Effect.gen(function* () {
          const look = Effect.map(deployer.progress([attempt({ nomadVersion: 1 })]), (told) =>
            say(told.get(attemptA))
          )
          const sentence = "rolling v1: 1 of 2 allocations healthy; task t: exited 1"
          assert.strictEqual(yield* look, sentence)
          const read = asked.length
          assert.isAbove(read, 1)
          assert.strictEqual(yield* look, sentence)
          assert.strictEqual(asked.length, read + 1)
          statuses = [status(2)]
          assert.strictEqual(yield* look, "rolling v1: 2 of 2 allocations healthy")
        })
      ).pipe(Effect.provide(Deployer.layer(endpoint)))
    })
  )

  it.effect.each<[string, ReadonlyArray<boolean | null>, Json, string]>([
    [
      "canaries healthy",
      [true, true],
      {},
      "awaiting_promotion v1: 2 of 2 allocations healthy; the canaries wait to be promoted"
    ],
    ["one canary not", [true, null], {}, "rolling v1: 1 of 2 allocations healthy"],
    ["promoted by Nomad", [true, true], { AllAutoPromote: true }, "rolling v1: 2 of 2 allocations healthy"],
    [
      "paused",
      [true, true],
      { Status: "paused", RequiresPromotion: false },
      "rolling v1: the deployment is paused; 2 of 2 allocations healthy"
    ]
  ])("the status tells canaries: %s", ([, health, rest, expected]) =>
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
      assert.deepStrictEqual(said, [expected])
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

  it.effect("a system job is due once on each node that runs it, whatever its count", () =>
    Effect.map(
      following(
        {
          versions: [],
          statuses: [
            status(0, {
              Type: "system",
              GroupCountSum: 1,
              Allocs: [true, null, null].map((Healthy, at) => ({
                ID: String(at),
                JobVersion: at === 2 ? 0 : 1,
                ClientStatus: "running",
                DeploymentStatus: { Canary: false, Healthy }
              }))
            })
          ]
        },
        attempt({ nomadVersion: 1 })
      ),
      ({ said }) => assert.deepStrictEqual(said, ["rolling v1: 1 of 3 allocations healthy"])
    )
  )

  it.effect("healthy ones that are too few are read on: there may be no room for the rest", () =>
    Effect.gen(function* () {
      const running = deployment("deployment-running", 1, 1182)
      const [recorded] = Object.values(running["TaskGroups"] as Readonly<Record<string, Json>>)
      const counts = { DesiredTotal: 3, PlacedAllocs: 2, HealthyAllocs: 2 }
      const { said } = yield* following(
        {
          versions: [v1, v0],
          deployments: [{ ...running, TaskGroups: { g: { ...recorded, ...counts } } }],
          evaluations: [recording("evaluation-blocked")],
          statuses: [status(2, { GroupCountSum: 3 })]
        },
        attempt({ nomadVersion: 1 })
      )
      assert.match(said[0] ?? "", /^unplaceable v1: 2 of 3 allocations healthy; no node can run it: /)
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

  it.effect("what waited for its promotion is not slow by that", () =>
    Effect.gen(function* () {
      let isPromoted = false
      const canary = { Canary: true, Healthy: true }
      const Allocs = [{ ID: "0", JobVersion: 1, ClientStatus: "running", DeploymentStatus: canary }]
      const waiting = status(1, { Allocs })
      const LatestDeployment = { ...waiting.LatestDeployment, RequiresPromotion: true }
      const { endpoint } = yield* nomadScript(
        serving(() => ({
          versions: [],
          statuses: [isPromoted ? status(1) : { ...waiting, LatestDeployment }]
        }))
      )
      yield* Deployer.use((deployer) =>
        Effect.gen(function* () {
          const look = Effect.map(
            deployer.progress([attempt({ nomadVersion: 1 })]),
            (told) => say(told.get(attemptA)).split(" ")[0]
          )
          assert.strictEqual(yield* look, "awaiting_promotion")
          yield* TestClock.adjust("30 minutes")
          assert.strictEqual(yield* look, "awaiting_promotion")
          yield* TestClock.adjust("2 seconds")
          isPromoted = true
          assert.strictEqual(yield* look, "rolling")
          yield* TestClock.adjust("20 minutes")
          assert.strictEqual(yield* look, "slow")
        })
      ).pipe(Effect.provide(Deployer.layer(endpoint)))
    })
  )

  it.effect("slow stays slow over a restart of ours", () =>
    Effect.map(
      following({ versions: [], statuses: [status(0)] }, attempt({ nomadVersion: 1, phase: "slow" })),
      ({ said }) =>
        assert.deepStrictEqual(said, [
          "slow v1: no allocation got healthy for 20 minutes; 0 of 2 allocations healthy"
        ])
    )
  )

  it.effect("by allocations: all have run for min_healthy_time, and a restart begins it anew", () =>
    Effect.gen(function* () {
      let restarts = 0
      const events: Array<Json> = []
      const world = () => ({
        versions: [v1, v0],
        allocations: [
          allocation({
            TaskStates: {
              t: { StartedAt: "2026-11-23T14:22:49Z", Restarts: restarts, Events: [...events] }
            }
          })
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
          events.push({ Type: "Reconnected", Time: 1 })
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
