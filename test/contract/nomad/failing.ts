import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { fixtureJob } from "../../../src/sim/NomadSimulator.ts"
import { allocations, bad, deployment, eventually, newId, post, some } from "./steps.ts"
import type { StubBody } from "./Answers.ts"
import type { Target } from "./Target.ts"

const waits = (each: StubBody): boolean => each.ClientStatus === "failed" && each.FollowupEvalID !== ""
const isDead = (each: StubBody): boolean => each.TaskStates.t.State === "dead"

/** What becomes of allocations that fail. */
export const failing = (target: () => Target): void => {
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
}
