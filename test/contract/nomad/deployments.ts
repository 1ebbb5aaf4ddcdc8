import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { fixtureJob } from "../../../src/sim/NomadSimulator.ts"
import {
  allocations,
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
import type { PlanBody, EvaluationBody, JobBody, StubBody } from "./Answers.ts"
import type { Reply, Target } from "./Target.ts"

const isRunning = (version: number) => (reply: Reply<ReadonlyArray<StubBody>>) =>
  reply.json.filter((each) => each.JobVersion === version && each.ClientStatus === "running").length === 2
const unsettled = (all: ReadonlyArray<StubBody>): number =>
  all.filter((each) => each.JobVersion === 1 && each.DeploymentStatus?.Healthy !== true).length

/** How a version is rolled out. */
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

  it.live("statement 18: the job's Meta restarts every group, its priority and its UI restart nothing", () =>
    Effect.gen(function* () {
      const id = newId()
      const job = fixtureJob({ id })
      const [group] = (job as unknown as JobBody).TaskGroups
      yield* post(target(), { ...job, TaskGroups: [group, { ...group, Name: "h" }] })
      yield* deployment(target(), id, 0, "successful")
      /** By group: the allocation that is to run, and its version. */
      const running = Effect.map(allocations(target(), id), (all) =>
        all
          .filter((each) => each.DesiredStatus === "run")
          .toSorted((a, b) => a.Name.localeCompare(b.Name))
          .map((each) => [each.ID, each.JobVersion] as const)
      )
      const first = (yield* running).map(([each]) => each)
      assert.strictEqual(first.length, 2)
      const edits = [{ Priority: 60 }, { UI: { Description: "d", Links: null } }]
      for (const [at, edit] of edits.entries()) {
        yield* post(target(), { ...(yield* getJob(target(), id)), ...edit })
        yield* deployment(target(), id, at + 1, "successful")
        assert.deepStrictEqual(
          yield* running,
          first.map((each) => [each, at + 1] as const)
        )
      }
      yield* post(target(), { ...(yield* getJob(target(), id)), Meta: { k: "v" } })
      yield* deployment(target(), id, 3, "successful")
      const last = yield* running
      assert.deepStrictEqual(
        last.map(([each, version]) => [first.includes(each), version]),
        [
          [false, 3],
          [false, 3]
        ]
      )
    })
  )

  it.live("statement 19: with max_parallel 1 one allocation is replaced after the other", () =>
    Effect.gen(function* () {
      const { id, job } = yield* stableJob(target(), { count: 3 })
      const Job = changed(job)
      const plan = yield* target().call<PlanBody>("POST", `/v1/job/${id}/plan`, { Job, Diff: true })
      const { g } = plan.json.Annotations.DesiredTGUpdates
      assert.deepStrictEqual(
        Object.entries(g).filter(([, count]) => count > 0),
        [
          ["DestructiveUpdate", 1],
          ["Ignore", 2]
        ]
      )
      assert.strictEqual(plan.json.JobModifyIndex, (yield* getJob(target(), id)).JobModifyIndex)
      const group = some(plan.json.Diff?.TaskGroups[0])
      assert.deepStrictEqual(group.Updates, { "create/destroy update": 1, ignore: 2 })
      assert.deepStrictEqual(group.Tasks[0]?.Annotations, ["forces create/destroy update"])
      assert.strictEqual((yield* getJob(target(), id)).Version, 0)
      yield* post(target(), Job)
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
      // A client may call a task that it just stopped unhealthy: only what runs now tells.
      const fresh = done.json.filter((each) => each.JobVersion === 1)
      assert.isTrue(fresh.every((each) => each.DeploymentStatus === null))
      assert.deepStrictEqual(
        (yield* target().call<ReadonlyArray<unknown>>("GET", `/v1/job/${id}/deployments`)).json,
        []
      )
      assert.isFalse((yield* getJob(target(), id)).Stable)
    })
  )

  it.live("statement 31: what cannot be placed leaves a deployment that runs for ever", () =>
    Effect.gen(function* () {
      const id = newId()
      const Constraints = [{ LTarget: "${attr.kernel.name}", Operand: "=", RTarget: "plan9" }]
      const registered = yield* post(target(), fixtureJob({ id, group: { Constraints } }))
      const evaluation = yield* evaluated(target(), registered.json.EvalID)
      assert.strictEqual(evaluation.Status, "complete")
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
    })
  )

  it.live("statement 111: a version that can be placed ends the blocked evaluation of one that cannot", () =>
    Effect.gen(function* () {
      const id = newId()
      const Constraints = [{ LTarget: "${attr.kernel.name}", Operand: "=", RTarget: "plan9" }]
      const registered = yield* post(target(), fixtureJob({ id, group: { Constraints } }))
      const { BlockedEval } = yield* evaluated(target(), registered.json.EvalID)
      const next = yield* post(target(), fixtureJob({ id }))
      yield* evaluated(target(), next.json.EvalID)
      const moot = yield* eventually<EvaluationBody>(
        target(),
        `/v1/evaluation/${BlockedEval}`,
        (reply) => reply.json.Status === "canceled"
      )
      assert.strictEqual(moot.json.StatusDescription, `evaluation "${next.json.EvalID}" successful`)
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
