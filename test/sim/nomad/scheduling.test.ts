import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { fixtureJob, NomadSimulator } from "../../../src/sim/NomadSimulator.ts"
import type { Allocation } from "../../../src/sim/nomad/Allocation.ts"
import { canonicalJob } from "../../../src/sim/nomad/canonicalJob.ts"
import { emptyGroup } from "../../../src/sim/nomad/Deployment.ts"
import type { Deployment } from "../../../src/sim/nomad/Deployment.ts"
import { isObject, type Json, parseJson, textOf } from "../../../src/sim/nomad/Json.ts"
import { asList, type Job } from "../../../src/sim/nomad/Job.ts"
import { reconcileGroup } from "../../../src/sim/nomad/reconcileGroup.ts"
import { rescheduleAt } from "../../../src/sim/nomad/reschedule.ts"
import { newTask } from "../../../src/sim/nomad/TaskState.ts"

const second = 1_000_000_000n
const policy = { Attempts: 0, Unlimited: true, Delay: 5e9, DelayFunction: "constant", MaxDelay: 0 }

const jobOf = (version: number, env: string, group: object = {}): Job => ({
  ...canonicalJob(fixtureJob({ id: "web", count: 3, env: { A: env }, group: { ...group } }), "default"),
  Version: version,
  JobModifyIndex: version + 1,
  CreateIndex: 1
})

const allocationOf = (at: number, job: Job, fields: Partial<Allocation> = {}): Allocation => ({
  ID: `a${at}`,
  EvalID: "e",
  Name: `web.g[${at}]`,
  Namespace: "default",
  JobID: "web",
  TaskGroup: "g",
  Job: job,
  DeploymentID: "",
  DesiredStatus: "run",
  DesiredDescription: "",
  mayReschedule: false,
  ClientStatus: "running",
  ClientDescription: "",
  TaskStates: null,
  DeploymentStatus: null,
  FollowupEvalID: "",
  PreviousAllocation: "",
  NextAllocation: "",
  reschedules: [],
  CreateIndex: 1,
  ModifyIndex: 1,
  AllocModifyIndex: 1,
  CreateTime: 0n,
  ModifyTime: 0n,
  ...fields
})

const failedAt = (at: bigint) => ({ t: { ...newTask, Failed: true, FinishedAt: at } })

describe("what one look at a group changes", () => {
  it("what is replaced by a newer version is not looked at later", () => {
    const [old, next] = [
      jobOf(0, "1", { ReschedulePolicy: policy }),
      jobOf(1, "2", { ReschedulePolicy: policy })
    ]
    const [group] = next.TaskGroups
    assert.isDefined(group)
    const failed = allocationOf(0, old, { ClientStatus: "failed", TaskStates: failedAt(0n) })
    const view = { job: next, group, current: undefined, old: undefined, evalId: "e2", now: second }
    const others = [allocationOf(1, old), allocationOf(2, old)]
    const plan = reconcileGroup({ ...view, allocations: [failed, ...others] })
    assert.deepStrictEqual(
      plan.stop.map((each) => each.allocation.ID),
      ["a0"]
    )
    assert.isEmpty(plan.later)
    const same = reconcileGroup({ ...view, job: old, allocations: [failed, ...others] })
    assert.deepStrictEqual(
      same.later.map((each) => each.at),
      [5n * second]
    )
  })

  it("an unhealthy allocation stops the replacing, whatever max_parallel would leave", () => {
    const Update = { MaxParallel: 2, MinHealthyTime: 1e9, HealthyDeadline: 5e9, ProgressDeadline: 10e9 }
    const [old, next] = [jobOf(0, "1", { Update }), jobOf(1, "2", { Update })]
    const [group] = next.TaskGroups
    assert.isDefined(group)
    assert.isNotNull(group.Update)
    const current: Deployment = {
      ID: "d",
      Namespace: "default",
      JobID: "web",
      JobVersion: 1,
      JobModifyIndex: 2,
      JobSpecModifyIndex: 2,
      JobCreateIndex: 1,
      IsMultiregion: false,
      TaskGroups: { g: { ...emptyGroup(group.Update), DesiredTotal: 3 } },
      Status: "running",
      StatusDescription: "",
      EvalPriority: 50,
      CreateIndex: 2,
      ModifyIndex: 2,
      CreateTime: 0n,
      ModifyTime: 0n
    }
    const ours = (at: number, Healthy: boolean) =>
      allocationOf(at, next, {
        DeploymentID: "d",
        DeploymentStatus: { Healthy, Timestamp: 0n, Canary: false, ModifyIndex: 1 }
      })
    const placed = (healthy: boolean) =>
      reconcileGroup({
        job: next,
        group,
        allocations: [ours(0, true), ours(1, healthy), allocationOf(2, old)],
        current,
        old: undefined,
        evalId: "e",
        now: 0n
      }).place.length
    assert.deepStrictEqual([placed(true), placed(false)], [1, 0])
  })

  it.each([
    ["constant", 0, 3, 5],
    ["exponential", 0, 3, 40],
    ["exponential", 20e9, 3, 20],
    ["fibonacci", 0, 3, 15]
  ] as const)(
    "a try after a %s delay of at most %d ns and %d tries comes after %d seconds",
    (name, max, tries, wait) => {
      const ReschedulePolicy = { ...policy, DelayFunction: name, MaxDelay: max }
      const earlier = { PrevAllocID: "x", Delay: 0, RescheduleTime: 0n }
      const failed = allocationOf(0, jobOf(0, "1", { ReschedulePolicy }), {
        ClientStatus: "failed",
        TaskStates: failedAt(second),
        reschedules: Array.from({ length: tries }, () => earlier)
      })
      assert.strictEqual(rescheduleAt(failed)?.at, second + BigInt(wait) * second)
    }
  )
})

const statusOf = (value: Json): string => textOf(isObject(value) ? value["Status"] : undefined)
const byName = (a: string, b: string): number => (a < b ? -1 : 1)

it.effect("of evaluations that wait for one job only the newest is processed", () =>
  Effect.gen(function* () {
    const nomad = yield* NomadSimulator
    for (const A of ["1", "2", "3", "4"]) yield* nomad.register(fixtureJob({ id: "web", env: { A } }))
    yield* TestClock.adjust("1 second")
    const query = new URLSearchParams()
    const answered = yield* nomad.handle({ method: "GET", path: "/v1/job/web/evaluations", query, body: "" })
    assert.deepStrictEqual(
      asList(parseJson(answered?.body ?? ""))
        .map(statusOf)
        .toSorted(byName),
      ["canceled", "canceled", "complete", "complete"]
    )
  }).pipe(Effect.provide(NomadSimulator.layer()))
)
