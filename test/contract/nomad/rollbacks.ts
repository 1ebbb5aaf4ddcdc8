import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { fixtureJob } from "../../../src/sim/NomadSimulator.ts"
import {
  allocations,
  bad,
  broken,
  changed,
  deployment,
  evaluated,
  evaluations,
  eventually,
  getJob,
  newId,
  post,
  some,
  stableJob
} from "./steps.ts"
import type { DeploymentBody, StubBody, SubmissionBody, VersionsBody } from "./Answers.ts"
import type { Target } from "./Target.ts"

/** What becomes of a version that fails. */
export const rollbacks = (target: () => Target): void => {
  it.live("statement 26: a bad version is rolled back in the index of its failure", () =>
    Effect.gen(function* () {
      const id = newId()
      const job = fixtureJob({ id })
      yield* post(target(), job, { Submission: { Source: "good", Format: "hcl2" } })
      yield* deployment(target(), id, 0, "successful")
      const good = yield* getJob(target(), id)
      yield* post(target(), broken(job))
      const failed = yield* deployment(target(), id, 1, "failed")
      assert.strictEqual(
        failed.StatusDescription,
        "Failed due to unhealthy allocations - rolling back to job version 0"
      )
      const reverted = yield* getJob(target(), id)
      assert.deepStrictEqual(
        [reverted.Version, reverted.Stable, reverted.SubmitTime],
        [2, true, good.SubmitTime]
      )
      assert.strictEqual(reverted.JobModifyIndex, failed.ModifyIndex)
      assert.deepStrictEqual(reverted.TaskGroups[0].Tasks[0].Config, good.TaskGroups[0].Tasks[0].Config)
      yield* deployment(target(), id, 2, "successful")
      const source = yield* target().call<SubmissionBody>("GET", `/v1/job/${id}/submission?version=2`)
      assert.strictEqual(source.json.Source, "good")
      const culprit = some((yield* allocations(target(), id)).find((each) => each.JobVersion === 1))
      assert.deepStrictEqual(
        [culprit.ClientStatus, culprit.ClientDescription, culprit.DeploymentStatus?.Healthy],
        ["failed", "Failed tasks", false]
      )
      const types = culprit.TaskStates.t.Events.map((each) => each.Type)
      assert.deepStrictEqual(types.slice(0, 5), [
        "Received",
        "Task Setup",
        "Started",
        "Terminated",
        "Not Restarting"
      ])
      assert.strictEqual(culprit.TaskStates.t.Events[3]?.DisplayMessage, "Exit Code: 1")
    })
  )

  it.live("statement 27: without auto-revert a bad version stays", () =>
    Effect.gen(function* () {
      const { id, job } = yield* stableJob(target(), { update: { AutoRevert: false } })
      yield* post(target(), broken(job))
      const failed = yield* deployment(target(), id, 1, "failed")
      assert.strictEqual(failed.StatusDescription, "Failed due to unhealthy allocations")
      assert.strictEqual((yield* getJob(target(), id)).Version, 1)
    })
  )

  it.live("statement 28: a bad first version has nothing to go back to", () =>
    Effect.gen(function* () {
      const id = newId()
      yield* post(target(), fixtureJob({ id, ...bad }))
      const failed = yield* deployment(target(), id, 0, "failed")
      assert.strictEqual(
        failed.StatusDescription,
        "Failed due to unhealthy allocations - no stable job version to auto revert to"
      )
      assert.strictEqual((yield* getJob(target(), id)).Version, 0)
    })
  )

  it.live("statement 29: with tries left a bad version fails by its progress deadline", () =>
    Effect.gen(function* () {
      const id = newId()
      const ReschedulePolicy = { Unlimited: true, Delay: 5e9, DelayFunction: "constant", MaxDelay: 0 }
      yield* post(target(), fixtureJob({ id, ...bad, group: { ReschedulePolicy } }))
      const path = `/v1/job/${id}/allocations`
      yield* eventually<ReadonlyArray<StubBody>>(target(), path, ({ json }) =>
        json.some((each) => each.DeploymentStatus?.Healthy === false)
      )
      const { ID } = yield* deployment(target(), id, 0, "running")
      const failed = yield* deployment(target(), id, 0, "failed")
      assert.strictEqual(failed.ID, ID)
      assert.strictEqual(
        failed.StatusDescription,
        "Failed due to progress deadline - no stable job version to auto revert to"
      )
      const all = (yield* allocations(target(), id)).toSorted((a, b) => a.CreateIndex - b.CreateIndex)
      assert.isAtLeast(all.length, 2)
      assert.deepStrictEqual(
        [all[0]?.DesiredStatus, all[0]?.DesiredDescription, all[0]?.NextAllocation],
        ["stop", "", all[1]?.ID]
      )
    })
  )

  it.live("statement 30: without a progress deadline the first unhealthy allocation fails it", () =>
    Effect.gen(function* () {
      const id = newId()
      const ReschedulePolicy = { Unlimited: true, Delay: 5e9, DelayFunction: "constant", MaxDelay: 0 }
      yield* post(
        target(),
        fixtureJob({ id, ...bad, group: { ReschedulePolicy }, update: { ProgressDeadline: 0 } })
      )
      const failed = yield* deployment(target(), id, 0, "failed")
      assert.strictEqual(failed.TaskGroups.g.UnhealthyAllocs, 1)
    })
  )

  it.live("statement 37: a deployment failed by hand is rolled back, and says to which version", () =>
    Effect.gen(function* () {
      const { id, job } = yield* stableJob(target())
      yield* post(target(), changed(job))
      const { ID } = yield* deployment(target(), id, 1, "running")
      const reply = yield* target().call("POST", `/v1/deployment/fail/${ID}`)
      assert.deepStrictEqual([reply.status, reply.json.RevertedJobVersion], [200, 0])
      const failed = yield* deployment(target(), id, 1, "failed")
      assert.strictEqual(
        failed.StatusDescription,
        "Deployment marked as failed - rolling back to job version 0"
      )
      yield* deployment(target(), id, 2, "successful")
      const again = yield* target().call("POST", `/v1/deployment/fail/${ID}`)
      assert.deepStrictEqual([again.status, again.text], [500, "can't fail terminal deployment"])
      const none = yield* target().call("POST", "/v1/deployment/fail/00000000-0000-0000-0000-000000000000")
      assert.deepStrictEqual([none.status, none.text], [500, "deployment not found"])
    })
  )

  it.live("statement 102: a scaled version stays stable, and is not rolled back to itself", () =>
    Effect.gen(function* () {
      const { id } = yield* stableJob(target())
      const scaled = yield* target().call("POST", `/v1/job/${id}/scale`, { Count: 2, Target: { Group: "g" } })
      assert.strictEqual(scaled.status, 200, scaled.text)
      const { JobModifyIndex, EvalCreateIndex, EvalID, Index } = scaled.json
      assert.isBelow(JobModifyIndex, EvalCreateIndex)
      assert.isBelow(EvalCreateIndex, Index)
      assert.strictEqual(scaled.headers.get("x-nomad-index"), String(Index))
      assert.strictEqual((yield* evaluated(target(), EvalID)).TriggeredBy, "job-scaling")
      const { ID } = yield* deployment(target(), id, 1, "running")
      assert.isTrue((yield* getJob(target(), id)).Stable)
      const reply = yield* target().call("POST", `/v1/deployment/fail/${ID}`)
      assert.isNull(reply.json.RevertedJobVersion)
      const failed = yield* deployment(target(), id, 1, "failed")
      assert.strictEqual(
        failed.StatusDescription,
        "Deployment marked as failed - not rolling back to stable job version 1 as current job has same specification"
      )
    })
  )

  it.live("statement 107: what a deployment learns after it was failed by hand it still counts", () =>
    Effect.gen(function* () {
      const id = newId()
      yield* post(target(), fixtureJob({ id, update: { MinHealthyTime: 3e9 } }))
      const path = `/v1/job/${id}/allocations`
      yield* eventually<ReadonlyArray<StubBody>>(target(), path, ({ json }) =>
        json.some((each) => each.ClientStatus === "running")
      )
      const { ID } = yield* deployment(target(), id, 0, "running")
      const failing = yield* target().call("POST", `/v1/deployment/fail/${ID}`)
      assert.strictEqual(failing.status, 200, failing.text)
      const failed = yield* deployment(target(), id, 0, "failed")
      assert.strictEqual(failed.TaskGroups.g.HealthyAllocs, 0)
      const later = yield* eventually<DeploymentBody>(
        target(),
        `/v1/deployment/${ID}`,
        ({ json }) => json.TaskGroups.g.HealthyAllocs === 1
      )
      assert.strictEqual(later.json.Status, "failed")
      assert.isAbove(later.json.ModifyIndex, failed.ModifyIndex)
      yield* target().pass(2000)
      assert.isFalse((yield* getJob(target(), id)).Stable)
    })
  )

  it.live(
    "statement 112: a newer version that is not scheduled yet is swallowed by the rollback of the older",
    () =>
      Effect.gen(function* () {
        const { id, job } = yield* stableJob(target(), { update: { MinHealthyTime: 3e9 } })
        const good = yield* getJob(target(), id)
        yield* post(target(), changed(job))
        const old = yield* deployment(target(), id, 1, "running")
        const swallowed = yield* Effect.gen(function* () {
          yield* evaluations(target(), "paused")
          const newer = yield* post(target(), changed(job, "3"))
          assert.strictEqual((yield* getJob(target(), id)).Version, 2)
          const reply = yield* target().call("POST", `/v1/deployment/fail/${old.ID}`)
          assert.deepStrictEqual([reply.status, reply.json.RevertedJobVersion], [200, 0])
          return newer
        }).pipe(Effect.ensuring(evaluations(target(), "running")))
        const rolledBack = yield* getJob(target(), id)
        assert.deepStrictEqual(
          [rolledBack.Version, rolledBack.Stable, rolledBack.SubmitTime],
          [3, true, good.SubmitTime]
        )
        assert.deepStrictEqual(rolledBack.TaskGroups[0].Tasks[0].Env, { A: "1" })
        assert.isAbove(rolledBack.JobModifyIndex, swallowed.json.JobModifyIndex)
        const last = yield* deployment(target(), id, 3, "successful")
        const evaluation = yield* evaluated(target(), swallowed.json.EvalID)
        assert.strictEqual(evaluation.DeploymentID, last.ID)
        const all = yield* target().call<ReadonlyArray<DeploymentBody>>("GET", `/v1/job/${id}/deployments`)
        assert.deepStrictEqual(
          all.json.map((each) => [each.JobVersion, each.Status] as const).toSorted(([a], [b]) => a - b),
          [
            [0, "successful"],
            [1, "failed"],
            [3, "successful"]
          ]
        )
        const versions = yield* target().call<VersionsBody>("GET", `/v1/job/${id}/versions`)
        assert.deepStrictEqual(
          versions.json.Versions.map((each) => each.Version),
          [3, 2, 1, 0]
        )
      })
  )

  it.live("what failed in a deployment that failed is left alone", () =>
    Effect.gen(function* () {
      const id = newId()
      const ReschedulePolicy = { Unlimited: true, Delay: 5e9, DelayFunction: "constant", MaxDelay: 0 }
      const update = { ProgressDeadline: 0, AutoRevert: false }
      yield* post(target(), fixtureJob({ id, ...bad, update, group: { ReschedulePolicy } }))
      yield* deployment(target(), id, 0, "failed")
      yield* target().pass(8000)
      assert.strictEqual((yield* allocations(target(), id)).length, 1)
    })
  )
}
