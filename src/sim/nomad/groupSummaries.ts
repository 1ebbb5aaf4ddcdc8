import type { Allocation } from "./Allocation.ts"
import type { Evaluation } from "./Evaluation.ts"
import { isParent, type Job } from "./Job.ts"
import type { JsonObject } from "./Json.ts"
import type { State } from "./State.ts"

/** Allocations of a job by what their client says, a group. */
export const groupSummaries = (state: State, job: Job): JsonObject => {
  const queued = state
    .evaluationsOf(job.Namespace, job.ID)
    .filter((each) => each.QueuedAllocations !== null)
    .reduce<Evaluation | undefined>(
      (a, b) => (a === undefined || b.ModifyIndex > a.ModifyIndex ? b : a),
      undefined
    )
  const allocations = state.allocationsOf(job.Namespace, job.ID)
  return Object.fromEntries(
    job.TaskGroups.map(({ Name }) => {
      const count = (status: Allocation["ClientStatus"]) =>
        allocations.filter((each) => each.TaskGroup === Name && each.ClientStatus === status).length
      return [
        Name,
        {
          Complete: count("complete"),
          Failed: count("failed"),
          Lost: 0,
          Queued: queued?.QueuedAllocations?.[Name] ?? 0,
          Running: count("running"),
          Starting: count("pending"),
          Unknown: 0
        }
      ]
    })
  )
}

/** Children of a periodic or parameterized job by their status. */
export const childSummary = (state: State, job: Job): JsonObject => {
  const children = isParent(job) ? state.childrenOf(job) : []
  const count = (status: Job["Status"]) => children.filter((each) => each.Status === status).length
  return { Dead: count("dead"), Pending: count("pending"), Running: count("running") }
}
