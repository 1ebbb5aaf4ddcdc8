import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { fixtureJob } from "../../../src/sim/NomadSimulator.ts"
import {
  allocations,
  broken,
  changed,
  deployment,
  evaluated,
  eventually,
  getJob,
  newId,
  post
} from "./steps.ts"
import type { DeploymentBody, PlanBody, StubBody } from "./Answers.ts"
import type { Target } from "./Target.ts"

const systemJob = (id: string, update: object = {}, job: object = {}) =>
  fixtureJob({
    id,
    update: { AutoRevert: false, ...update },
    job: { Type: "system", ...job },
    group: { Count: undefined, ReschedulePolicy: undefined }
  })

/** System jobs, on the one node there is. */
export const systemJobs = (target: () => Target): void => {
  const all = (id: string) =>
    Effect.map(target().call<ReadonlyArray<DeploymentBody>>("GET", `/v1/job/${id}/deployments`), ({ json }) =>
      json.toSorted((a, b) => a.JobVersion - b.JobVersion)
    )
  const runs = (id: string, version: number) =>
    eventually<ReadonlyArray<StubBody>>(target(), `/v1/job/${id}/allocations`, ({ json }) =>
      json.some((each) => each.JobVersion === version && each.ClientStatus === "running")
    )

  it.live(
    "statement 57: a system job has deployments, until one has failed",
    () =>
      Effect.gen(function* () {
        const id = newId()
        const job = systemJob(id)
        yield* post(target(), job)
        const first = yield* deployment(target(), id, 0, "successful")
        assert.deepInclude(first.TaskGroups.g, { DesiredTotal: 1, HealthyAllocs: 1, PlacedAllocs: 1 })
        assert.isTrue((yield* getJob(target(), id)).Stable)
        const plan = yield* target().call<PlanBody>("POST", `/v1/job/${id}/plan`, { Job: changed(job) })
        assert.deepInclude(plan.json.Annotations.DesiredTGUpdates.g, { DestructiveUpdate: 1, Place: 1 })

        yield* post(target(), broken(job))
        const failed = yield* deployment(target(), id, 1, "failed")
        assert.strictEqual(failed.StatusDescription, "Failed due to unhealthy allocations")
        // It is tried once more outside of the deployment.
        yield* eventually<ReadonlyArray<StubBody>>(
          target(),
          `/v1/job/${id}/allocations`,
          (reply) => reply.json.filter((each) => each.ClientStatus === "failed").length === 2
        )
        const { json } = yield* post(target(), changed(job))
        const evaluation = yield* evaluated(target(), json.EvalID)
        assert.strictEqual(evaluation.DeploymentID, failed.ID)
        yield* runs(id, 2)
        assert.deepStrictEqual(
          (yield* all(id)).map(({ JobVersion }) => JobVersion),
          [0, 1]
        )
        assert.isFalse((yield* getJob(target(), id)).Stable)
        // What failed stays to be run, and names what runs in its place.
        const ended = (yield* allocations(target(), id)).filter(
          ({ ClientStatus }) => ClientStatus === "failed"
        )
        assert.deepStrictEqual(
          ended.map((each) => [each.DesiredStatus, each.NextAllocation === ""]),
          [
            ["run", false],
            ["run", false]
          ]
        )
      }),
    60_000
  )

  it.live("a system job that no node is feasible for is deployed at once, and stable", () =>
    Effect.gen(function* () {
      const id = newId()
      const Constraints = [{ LTarget: "${attr.kernel.name}", Operand: "=", RTarget: "windows" }]
      const { json } = yield* post(target(), systemJob(id, {}, { Constraints }))
      const evaluation = yield* evaluated(target(), json.EvalID)
      assert.isDefined(evaluation.FailedTGAllocs?.g)
      assert.isUndefined(evaluation.BlockedEval)
      const made = yield* deployment(target(), id, 0, "successful")
      assert.deepInclude(made.TaskGroups.g, { DesiredTotal: 0, PlacedAllocs: 0 })
      assert.isTrue((yield* getJob(target(), id)).Stable)
      assert.isEmpty(yield* allocations(target(), id))
    })
  )

  it.live("canaries of a system job are a share of its nodes, and wait for somebody", () =>
    Effect.gen(function* () {
      const id = newId()
      const job = systemJob(id, { Canary: 50 })
      yield* post(target(), job)
      yield* deployment(target(), id, 0, "successful")
      yield* post(target(), changed(job))
      const { ID, TaskGroups, StatusDescription } = yield* deployment(target(), id, 1, "running")
      assert.deepInclude(TaskGroups.g, { DesiredCanaries: 1, DesiredTotal: 1, Promoted: false })
      assert.strictEqual(StatusDescription, "Deployment is running")
      yield* eventually<DeploymentBody>(
        target(),
        `/v1/deployment/${ID}`,
        (reply) => reply.json.StatusDescription === "Deployment is running but requires manual promotion"
      )
      const promoted = yield* target().call("POST", `/v1/deployment/promote/${ID}`, {
        DeploymentID: ID,
        All: true
      })
      assert.strictEqual(promoted.status, 200, promoted.text)
      yield* deployment(target(), id, 1, "successful")
    })
  )
}
