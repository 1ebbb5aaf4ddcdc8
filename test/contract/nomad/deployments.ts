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
  eventually,
  getJob,
  newId,
  post,
  some,
  stableJob
} from "./steps.ts"
import type { DeploymentBody, EvaluationBody, StatusBody, StubBody, SubmissionBody } from "./Answers.ts"
import type { Reply, Target } from "./Target.ts"

const waits = (each: StubBody): boolean => each.ClientStatus === "failed" && each.FollowupEvalID !== ""
const isDead = (each: StubBody): boolean => each.TaskStates.t.State === "dead"
const isRunning = (version: number) => (reply: Reply<ReadonlyArray<StubBody>>) =>
  reply.json.filter((each) => each.JobVersion === version && each.ClientStatus === "running").length === 2
const unsettled = (all: ReadonlyArray<StubBody>): number =>
  all.filter((each) => each.JobVersion === 1 && each.DeploymentStatus?.Healthy !== true).length
const completed = (count: number) => (reply: Reply<ReadonlyArray<StubBody>>) =>
  reply.json.filter((each) => each.ClientStatus === "complete").length === count

export const deployments = (target: () => Target): void => {
  it.live("statement 16: the first register makes a deployment that succeeds", () =>
    Effect.gen(function* () {
      const id = newId()
      const registered = yield* post(target(), fixtureJob({ id }))
      const found = yield* deployment(target(), id, 0, "successful")
      assert.strictEqual(found.StatusDescription, "Deployment completed successfully")
      assert.strictEqual(found.JobSpecModifyIndex, registered.json.JobModifyIndex)
      assert.deepInclude(found.TaskGroups.g, { DesiredTotal: 1, PlacedAllocs: 1, HealthyAllocs: 1 })
      assert.strictEqual((yield* getJob(target(), id)).Status, "running")
    })
  )

  it.live("statement 17: a changed environment replaces the allocation", () =>
    Effect.gen(function* () {
      const { id, job } = yield* stableJob(target())
      const old = some((yield* allocations(target(), id))[0])
      yield* post(target(), changed(job))
      yield* deployment(target(), id, 1, "successful")
      const all = yield* allocations(target(), id)
      const before = some(all.find((each) => each.ID === old.ID))
      const after = some(all.find((each) => each.JobVersion === 1))
      assert.deepStrictEqual(
        [before.DesiredStatus, before.DesiredDescription, before.NextAllocation],
        ["stop", "alloc is being updated due to job update", after.ID]
      )
      assert.deepStrictEqual([after.DesiredStatus, after.ClientStatus], ["run", "running"])
    })
  )

  it.live("statement 18: the job's Meta restarts every group, its priority restarts nothing", () =>
    Effect.gen(function* () {
      const { id } = yield* stableJob(target())
      const read = yield* getJob(target(), id)
      const first = some((yield* allocations(target(), id))[0])
      yield* post(target(), { ...read, Priority: 60 })
      yield* deployment(target(), id, 1, "successful")
      const inPlace = yield* allocations(target(), id)
      assert.deepStrictEqual(
        inPlace.map((each) => [each.ID, each.JobVersion]),
        [[first.ID, 1]]
      )
      yield* post(target(), { ...(yield* getJob(target(), id)), Meta: { k: "v" } })
      yield* deployment(target(), id, 2, "successful")
      const running = (yield* allocations(target(), id)).filter((each) => each.DesiredStatus === "run")
      assert.deepStrictEqual(
        running.map((each) => [each.ID === first.ID, each.JobVersion]),
        [[false, 2]]
      )
    })
  )

  it.live("statement 20: a changed register's evaluation ends naming the new deployment", () =>
    Effect.gen(function* () {
      const { id, job } = yield* stableJob(target())
      const registered = yield* post(target(), changed(job))
      const evaluation = yield* evaluated(target(), registered.json.EvalID)
      const found = yield* deployment(target(), id, 1, "running")
      assert.strictEqual(evaluation.DeploymentID, found.ID)
      assert.strictEqual(evaluation.JobModifyIndex, registered.json.JobModifyIndex)
      assert.strictEqual(evaluation.TriggeredBy, "job-register")
    })
  )

  it.live("statement 22: without max_parallel there is no deployment and all are replaced at once", () =>
    Effect.gen(function* () {
      const id = newId()
      const job = fixtureJob({ id, count: 2, update: { MaxParallel: 0 } })
      yield* post(target(), job)
      const path = `/v1/job/${id}/allocations`
      yield* eventually(target(), path, isRunning(0))
      const registered = yield* post(target(), changed(job))
      const evaluation = yield* evaluated(target(), registered.json.EvalID)
      assert.notProperty(evaluation, "DeploymentID")
      const all = yield* allocations(target(), id)
      assert.strictEqual(
        all.filter((each) => each.JobVersion === 1 && each.DesiredStatus === "run").length,
        2
      )
      const done = yield* eventually(target(), path, isRunning(1))
      assert.isTrue(done.json.every((each) => each.DeploymentStatus === null))
      assert.deepStrictEqual(
        (yield* target().call<ReadonlyArray<unknown>>("GET", `/v1/job/${id}/deployments`)).json,
        []
      )
      assert.isFalse((yield* getJob(target(), id)).Stable)
    })
  )

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
      const failed = yield* deployment(target(), id, 0, "failed")
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

  it.live("statement 31: what cannot be placed leaves a deployment that runs for ever", () =>
    Effect.gen(function* () {
      const id = newId()
      const Constraints = [{ LTarget: "${attr.kernel.name}", Operand: "=", RTarget: "plan9" }]
      const registered = yield* post(target(), fixtureJob({ id, group: { Constraints } }))
      const evaluation = yield* evaluated(target(), registered.json.EvalID)
      assert.deepStrictEqual(evaluation.FailedTGAllocs?.g.ConstraintFiltered, {
        "${attr.kernel.name} = plan9": 1
      })
      const blocked = (yield* target().call<EvaluationBody>(
        "GET",
        `/v1/evaluation/${evaluation.BlockedEval}`
      )).json
      assert.deepStrictEqual([blocked.Status, blocked.TriggeredBy], ["blocked", "queued-allocs"])
      yield* target().pass(11_000)
      const found = yield* deployment(target(), id, 0, "running")
      assert.deepInclude(found.TaskGroups.g, { PlacedAllocs: 0, RequireProgressBy: null })
      assert.strictEqual((yield* getJob(target(), id)).Status, "running")
      const next = yield* post(target(), fixtureJob({ id }))
      yield* evaluated(target(), next.json.EvalID)
      const moot = yield* eventually<EvaluationBody>(
        target(),
        `/v1/evaluation/${blocked.ID}`,
        (reply) => reply.json.Status === "canceled"
      )
      assert.match(moot.json.StatusDescription, /^evaluation "[0-9a-f-]{36}" successful$/)
    })
  )

  it.live("statement 32: a newer version cancels the deployment of the older", () =>
    Effect.gen(function* () {
      const { id, job } = yield* stableJob(target())
      yield* post(target(), changed(job))
      yield* deployment(target(), id, 1, "running")
      yield* post(target(), changed(job, "3"))
      const cancelled = yield* deployment(target(), id, 1, "cancelled")
      assert.strictEqual(cancelled.StatusDescription, "Cancelled due to newer version of job")
      yield* deployment(target(), id, 2, "successful")
    })
  )

  it.live("statement 19: with max_parallel 1 one allocation is replaced after the other", () =>
    Effect.gen(function* () {
      const { id, job } = yield* stableJob(target(), { count: 3 })
      yield* post(target(), changed(job))
      const path = `/v1/job/${id}/allocations`
      const done = yield* eventually<ReadonlyArray<StubBody>>(target(), path, (reply) => {
        assert.isAtMost(unsettled(reply.json), 1)
        return (
          reply.json.filter((each) => each.JobVersion === 1 && each.DeploymentStatus?.Healthy === true)
            .length === 3
        )
      })
      assert.strictEqual(done.json.length, 6)
      yield* deployment(target(), id, 1, "successful")
    })
  )

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
      assert.isAbove(
        Date.parse(resumed.TaskGroups.g.RequireProgressBy ?? ""),
        Date.parse(still.TaskGroups.g.RequireProgressBy ?? "")
      )
      yield* deployment(target(), id, 1, "successful")
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

  it.live("statement 104: a job of count 0 has no deployment and is dead, not stopped", () =>
    Effect.gen(function* () {
      const id = newId()
      const registered = yield* post(target(), fixtureJob({ id, count: 0 }))
      yield* evaluated(target(), registered.json.EvalID)
      const job = yield* getJob(target(), id)
      assert.deepStrictEqual([job.Status, job.Stop, job.Stable], ["dead", false, false])
      assert.isNull((yield* target().call("GET", `/v1/job/${id}/deployment`)).json)
    })
  )

  it.live("a restart policy with a try left restarts the task before it fails", () =>
    Effect.gen(function* () {
      const id = newId()
      const RestartPolicy = { Attempts: 1, Mode: "fail", Interval: 30e9, Delay: 1e9 }
      yield* post(target(), fixtureJob({ id, ...bad, group: { RestartPolicy } }))
      yield* deployment(target(), id, 0, "failed")
      const only = some((yield* allocations(target(), id))[0])
      const { Restarts, Failed, Events } = only.TaskStates.t
      assert.deepStrictEqual([Restarts, Failed], [1, true])
      const last = some(Events.findLast((each) => each.Type === "Not Restarting"))
      assert.strictEqual(
        last.DisplayMessage,
        'Exceeded allowed attempts 1 in interval 30s and mode is "fail"'
      )
    })
  )

  it.live("statement 24: a batch job that ended runs again only when it is changed", () =>
    Effect.gen(function* () {
      const id = newId()
      const job = fixtureJob({ id, command: "/bin/true", job: { Type: "batch" }, group: { Update: null } })
      yield* post(target(), job)
      const path = `/v1/job/${id}/allocations`
      yield* eventually(target(), path, completed(1))
      const unchanged = yield* post(target(), yield* getJob(target(), id))
      yield* evaluated(target(), unchanged.json.EvalID)
      assert.strictEqual((yield* allocations(target(), id)).length, 1)
      yield* post(target(), changed(job))
      const { json } = yield* eventually(target(), path, completed(2))
      assert.isTrue(json.every((each) => each.DesiredStatus === "run"))
      assert.deepStrictEqual(
        (yield* target().call<ReadonlyArray<unknown>>("GET", `/v1/job/${id}/deployments`)).json,
        []
      )
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

  it.live("an allocation that waits for its next try is replaced by a newer version at once", () =>
    Effect.gen(function* () {
      const id = newId()
      const ReschedulePolicy = { Unlimited: true, Delay: 60e9, DelayFunction: "constant", MaxDelay: 0 }
      const group = { ReschedulePolicy }
      const slow = { update: { ProgressDeadline: 600e9 }, group }
      yield* post(target(), fixtureJob({ id, ...bad, ...slow }))
      const path = `/v1/job/${id}/allocations`
      yield* eventually<ReadonlyArray<StubBody>>(target(), path, ({ json }) => json.some(waits))
      yield* post(target(), fixtureJob({ id, ...slow }))
      yield* deployment(target(), id, 1, "successful")
      const all = yield* allocations(target(), id)
      assert.deepStrictEqual(all.map((each) => `${each.JobVersion} ${each.DesiredStatus}`).toSorted(), [
        "0 stop",
        "1 run"
      ])
    })
  )

  it.live("a task that fails takes the other tasks of its allocation with it", () =>
    Effect.gen(function* () {
      const id = newId()
      const job = fixtureJob({ id })
      const [group] = job["TaskGroups"] as readonly [{ readonly Tasks: readonly [object] }]
      const other = { ...group.Tasks[0], Name: "u", Config: { command: "/bin/false" } }
      yield* post(target(), { ...job, TaskGroups: [{ ...group, Tasks: [group.Tasks[0], other] }] })
      yield* deployment(target(), id, 0, "failed")
      const path = `/v1/job/${id}/allocations`
      const { json } = yield* eventually<ReadonlyArray<StubBody>>(target(), path, (reply) =>
        reply.json.some(isDead)
      )
      const only = some(json[0])
      assert.strictEqual(only.ClientStatus, "failed")
      const sibling = only.TaskStates.t.Events.find((each) => each.Type === "Sibling Task Failed")
      assert.strictEqual(sibling?.DisplayMessage, `Task's sibling "u" failed`)
      assert.isFalse(only.TaskStates.t.Failed)
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

  it.live("what failed outside of a deployment is tried again after the policy's delay", () =>
    Effect.gen(function* () {
      const id = newId()
      const ReschedulePolicy = { Unlimited: true, Delay: 5e9, DelayFunction: "constant", MaxDelay: 0 }
      yield* post(
        target(),
        fixtureJob({ id, ...bad, update: { MaxParallel: 0 }, group: { ReschedulePolicy } })
      )
      const path = `/v1/job/${id}/allocations`
      const { json } = yield* eventually<ReadonlyArray<StubBody>>(
        target(),
        path,
        (reply) => reply.json.length > 1
      )
      const [first, second] = json.toSorted((a, b) => a.CreateIndex - b.CreateIndex)
      assert.strictEqual(first?.NextAllocation, second?.ID)
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

  it.live("a smaller count stops the highest names", () =>
    Effect.gen(function* () {
      const { id } = yield* stableJob(target(), { count: 3 })
      yield* post(target(), fixtureJob({ id, count: 1 }))
      yield* deployment(target(), id, 1, "successful")
      const running = (yield* allocations(target(), id)).filter((each) => each.DesiredStatus === "run")
      assert.deepStrictEqual(
        running.map((each) => each.Name),
        [`${id}.g[0]`]
      )
    })
  )

  it.live("a purge takes the deployments and allocations of the job with it", () =>
    Effect.gen(function* () {
      const { id, job } = yield* stableJob(target())
      yield* target().call("DELETE", `/v1/job/${id}?purge=true`)
      const count = (path: string) =>
        Effect.map(target().call<ReadonlyArray<unknown>>("GET", path), ({ json }) => json.length)
      assert.strictEqual(yield* count(`/v1/job/${id}/deployments?all=true`), 0)
      assert.strictEqual(yield* count(`/v1/job/${id}/allocations?all=true`), 0)
      yield* post(target(), job)
      yield* deployment(target(), id, 0, "successful")
      assert.strictEqual(yield* count(`/v1/job/${id}/deployments`), 1)
    })
  )
}
