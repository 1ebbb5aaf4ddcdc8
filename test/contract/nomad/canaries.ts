import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { fixtureJob } from "../../../src/sim/NomadSimulator.ts"
import {
  allocations,
  changed,
  deployment,
  eventually,
  newId,
  post,
  some,
  stableJob,
  withTask
} from "./steps.ts"
import type { DeploymentBody, StatusBody, StubBody } from "./Answers.ts"
import type { Reply, Target } from "./Target.ts"

/** Deployments that wait for somebody. */
export const canaries = (target: () => Target): void => {
  it.live("statement 35: a canary waits for its promotion", () =>
    Effect.gen(function* () {
      const { id, job } = yield* stableJob(target(), { count: 2, update: { Canary: 1 } })
      yield* post(target(), changed(job))
      const found = yield* deployment(target(), id, 1, "running")
      assert.strictEqual(found.StatusDescription, "Deployment is running but requires manual promotion")
      const promoting = target().call("POST", `/v1/deployment/promote/${found.ID}`, {
        DeploymentID: found.ID,
        All: true
      })
      const early = yield* promoting
      assert.deepStrictEqual(
        [early.status, early.text],
        [500, '1 error occurred:\n\t* Task group "g" has 0/1 healthy allocations\n\n']
      )
      const path = `/v1/deployment/${found.ID}`
      yield* eventually<DeploymentBody>(
        target(),
        path,
        (reply) => reply.json.TaskGroups.g.HealthyAllocs === 1
      )
      const waiting = (yield* target().call<ReadonlyArray<StatusBody>>("POST", "/v1/jobs/statuses", {
        Jobs: [{ ID: id, Namespace: "default" }]
      })).json
      assert.isTrue(some(waiting[0]).LatestDeployment.RequiresPromotion)
      assert.strictEqual((yield* promoting).status, 200)
      const promoted = (yield* target().call<DeploymentBody>("GET", path)).json
      assert.isTrue(promoted.TaskGroups.g.Promoted)
      assert.strictEqual(promoted.StatusDescription, "Deployment is running")
      yield* deployment(target(), id, 1, "successful")
      const again = yield* promoting
      assert.deepStrictEqual([again.status, again.text], [500, "can't promote terminal deployment"])
      const running = (yield* allocations(target(), id)).filter((each) => each.DesiredStatus === "run")
      assert.deepStrictEqual(
        running.map((each) => each.JobVersion),
        [1, 1]
      )
    })
  )

  it.live("statement 36: a paused deployment stands still and goes on when it is resumed", () =>
    Effect.gen(function* () {
      const { id, job } = yield* stableJob(target(), { count: 2 })
      yield* post(target(), changed(job))
      const { ID } = yield* deployment(target(), id, 1, "running")
      const pausing = (Pause: boolean) =>
        target().call("POST", `/v1/deployment/pause/${ID}`, { DeploymentID: ID, Pause })
      const paused = yield* pausing(true)
      assert.deepStrictEqual([paused.status, paused.json.EvalID, paused.json.EvalCreateIndex], [200, "", 0])
      const still = yield* deployment(target(), id, 1, "paused")
      assert.strictEqual(still.StatusDescription, "Deployment is paused")
      yield* target().pass(4000)
      const fresh = (yield* allocations(target(), id)).filter((each) => each.JobVersion === 1)
      assert.strictEqual(fresh.length, 1)
      yield* pausing(false)
      const resumed = (yield* target().call<DeploymentBody>("GET", `/v1/deployment/${ID}`)).json
      assert.strictEqual(resumed.Status, "running")
      assert.isAbove(
        Date.parse(resumed.TaskGroups.g.RequireProgressBy ?? ""),
        Date.parse(still.TaskGroups.g.RequireProgressBy ?? "")
      )
      yield* deployment(target(), id, 1, "successful")
    })
  )

  it.live("a paused deployment is promoted and stays paused; resumed it says only that it runs", () =>
    Effect.gen(function* () {
      const { id, job } = yield* stableJob(target(), { count: 2, update: { Canary: 1 } })
      yield* post(target(), changed(job))
      const { ID } = yield* deployment(target(), id, 1, "running")
      const path = `/v1/deployment/${ID}`
      yield* eventually<DeploymentBody>(
        target(),
        path,
        (reply) => reply.json.TaskGroups.g.HealthyAllocs === 1
      )
      const write = (verb: string, body: object) =>
        target().call("POST", `/v1/deployment/${verb}/${ID}`, { DeploymentID: ID, ...body })
      const says = Effect.map(target().call<DeploymentBody>("GET", path), ({ json }) => [
        json.StatusDescription,
        json.TaskGroups.g.Promoted
      ])
      yield* write("pause", { Pause: true })
      yield* write("pause", { Pause: false })
      assert.deepStrictEqual(yield* says, ["Deployment is running", false])
      yield* write("pause", { Pause: true })
      assert.strictEqual((yield* write("promote", { All: true })).status, 200)
      assert.deepStrictEqual(yield* says, ["Deployment is paused", true])
      yield* target().pass(4000)
      yield* deployment(target(), id, 1, "paused")
      yield* write("pause", { Pause: false })
      yield* deployment(target(), id, 1, "successful")
    })
  )

  it.live("canaries that may promote themselves do so once they are healthy", () =>
    Effect.gen(function* () {
      const { id, job } = yield* stableJob(target(), { count: 2, update: { Canary: 1, AutoPromote: true } })
      yield* post(target(), changed(job))
      const found = yield* deployment(target(), id, 1, "running")
      assert.strictEqual(found.StatusDescription, "Deployment is running pending automatic promotion")
      const done = yield* deployment(target(), id, 1, "successful")
      assert.isTrue(done.TaskGroups.g.Promoted)
    })
  )

  it.live("a canary that ends after it was healthy stays counted, is not replaced, and is not promoted", () =>
    Effect.gen(function* () {
      const ends = { Config: { command: "/bin/sh", args: ["-c", "sleep 4; exit 1"] } }
      const { id, job } = yield* stableJob(target(), { count: 2, update: { Canary: 1 } })
      yield* target().says(id, "t", { runs: 4000 })
      yield* post(target(), withTask(job, ends))
      const { ID } = yield* deployment(target(), id, 1, "running")
      const canaryOf = Effect.map(allocations(target(), id), (all) =>
        some(all.find((each) => each.JobVersion === 1))
      )
      yield* eventually(target(), `/v1/job/${id}/allocations`, ({ json }: Reply<ReadonlyArray<StubBody>>) =>
        json.some((each) => each.JobVersion === 1 && each.ClientStatus === "failed")
      )
      yield* target().pass(4000)
      const canary = yield* canaryOf
      assert.isTrue(canary.DeploymentStatus?.Healthy)
      const found = yield* deployment(target(), id, 1, "running")
      assert.deepInclude(found.TaskGroups.g, { HealthyAllocs: 1, UnhealthyAllocs: 0 })
      assert.strictEqual(found.TaskGroups.g.PlacedCanaries?.length, 1)
      const { status, text } = yield* target().call("POST", `/v1/deployment/promote/${ID}`, {
        DeploymentID: ID,
        All: true
      })
      assert.deepStrictEqual(
        [status, text],
        [500, '1 error occurred:\n\t* Task group "g" has 0/1 healthy allocations\n\n']
      )
    })
  )

  it.live("of manual health the servers learn nothing by themselves", () =>
    Effect.gen(function* () {
      const id = newId()
      yield* post(target(), fixtureJob({ id, update: { HealthCheck: "manual" } }))
      yield* eventually(target(), `/v1/job/${id}/allocations`, ({ json }: Reply<ReadonlyArray<StubBody>>) =>
        json.some((each) => each.ClientStatus === "running")
      )
      yield* target().pass(6000)
      const found = yield* deployment(target(), id, 0, "running")
      assert.deepInclude(found.TaskGroups.g, { HealthyAllocs: 0, UnhealthyAllocs: 0 })
    })
  )
}
