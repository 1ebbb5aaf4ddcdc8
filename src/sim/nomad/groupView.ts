import { type Allocation, isFinished } from "./Allocation.ts"
import type { Deployment } from "./Deployment.ts"
import { refusedPlacement } from "./feasible.ts"
import { type Job, runsToEnd, type TaskGroup } from "./Job.ts"
import { isDestructive } from "./jobChange.ts"
import type { JsonObject } from "./Json.ts"
import { rescheduleAt } from "./reschedule.ts"
import type { Nanos } from "./time.ts"

export interface GroupView {
  readonly job: Job
  readonly group: TaskGroup
  /** All allocations of the group that the servers have not stopped. */
  readonly allocations: ReadonlyArray<Allocation>
  /** The deployment of this version, unless it succeeded. */
  readonly current: Deployment | undefined
  /** The newest deployment of an older version, or the one of this version that succeeded. */
  readonly old: Deployment | undefined
  readonly evalId: string
  /** Why an outcome has no room for the group; asked only where something is to be placed. */
  readonly noRoom?: () => JsonObject | undefined
  readonly now: Nanos
}

/** Failed allocations due within a second are replaced now (`nomad-api.md` §5.4). */
const rescheduleWindow = 1_000_000_000n

const indexOf = (name: string): number => Number(/\[(\d+)\]$/.exec(name)?.[1] ?? 0)

/** Canaries of a deployment that failed, or was overtaken, before they were promoted. */
export const unneededCanaries = ({
  allocations,
  old,
  current,
  group
}: GroupView): ReadonlyArray<Allocation> => {
  const lost = [old, current?.Status === "failed" ? current : undefined].flatMap((deployment) => {
    const state = deployment?.TaskGroups[group.Name]
    return state === undefined || state.Promoted ? [] : (state.PlacedCanaries ?? [])
  })
  return allocations.filter((each) => !isFinished(each) && lost.includes(each.ID))
}

export const classify = (
  { job, current, evalId, now }: GroupView,
  allocations: ReadonlyArray<Allocation>,
  fresh: (each: Allocation) => boolean
) => {
  const kept: Array<Allocation> = []
  const due: Array<{ readonly allocation: Allocation; readonly delay: number }> = []
  const later: Array<{ readonly allocation: Allocation; readonly at: Nanos }> = []
  let finished = 0
  for (const allocation of allocations) {
    // A batch job's finished allocations of older versions no longer count; those of this version are its result.
    if (runsToEnd(job) && isFinished(allocation) && !fresh(allocation)) {
      finished += 1
      continue
    }
    if (isFinished(allocation) && allocation.NextAllocation !== "") continue
    if (allocation.ClientStatus === "complete" && !runsToEnd(job)) continue
    const held =
      current !== undefined &&
      current.ID === allocation.DeploymentID &&
      (current.Status === "running" || current.Status === "paused") &&
      !allocation.mayReschedule
    const next = held ? undefined : rescheduleAt(allocation)
    const isDue =
      next !== undefined && (allocation.FollowupEvalID === evalId || next.at - now <= rescheduleWindow)
    if (next !== undefined && isDue) {
      due.push({ allocation, delay: next.delay })
      continue
    }
    if (next !== undefined && allocation.FollowupEvalID === "") later.push({ allocation, at: next.at })
    kept.push(allocation)
  }
  return { kept, now: due, later, finished }
}

/** Those above the count: first what a promoted canary of the same name replaces, then the highest names. */
export const tooMany = (
  group: TaskGroup,
  kept: ReadonlyArray<Allocation>,
  canaries: ReadonlyArray<Allocation>,
  canarying: boolean
): ReadonlyArray<Allocation> => {
  const others = kept.filter((each) => !canaries.includes(each))
  const countable = canarying ? others : kept
  const surplus = countable.length - group.Count
  if (surplus <= 0) return []
  const names = new Set(canarying ? [] : canaries.map((each) => each.Name))
  const shadowed = others.filter((each) => names.has(each.Name))
  const highest = countable
    .filter((each) => !shadowed.includes(each))
    .toSorted((a, b) => indexOf(b.Name) - indexOf(a.Name))
  return [...shadowed, ...highest].slice(0, surplus)
}

export const updates = ({ job }: GroupView, staying: ReadonlyArray<Allocation>) => {
  const inPlace: Array<Allocation> = []
  const destructive: Array<Allocation> = []
  let ignored = 0
  for (const allocation of staying) {
    const from = allocation.Job
    if (from.JobModifyIndex === job.JobModifyIndex) ignored += 1
    else if (isDestructive(from, job, allocation.TaskGroup)) destructive.push(allocation)
    else if (isFinished(allocation)) ignored += 1
    else if (refusedPlacement(job, allocation.TaskGroup) !== undefined) destructive.push(allocation)
    else inPlace.push(allocation)
  }
  return { ignored, inPlace, destructive: destructive.toSorted((a, b) => indexOf(a.Name) - indexOf(b.Name)) }
}

/** How many old allocations may be replaced at this moment, placements included. */
export const roomToUpdate = (
  { group, current }: GroupView,
  maxParallel: number | undefined,
  counted: ReadonlyArray<Allocation>
): number => {
  if (maxParallel === undefined) return group.Count
  const ours = current === undefined ? [] : counted.filter((each) => each.DeploymentID === current.ID)
  if (ours.some((each) => each.DeploymentStatus?.Healthy === false)) return 0
  return maxParallel - ours.filter((each) => each.DeploymentStatus?.Healthy !== true).length
}

export const freeNames = (
  job: Job,
  group: TaskGroup,
  taken: ReadonlyArray<Allocation>
): ReadonlyArray<string> => {
  const used = new Set(taken.map((each) => each.Name))
  return Array.from({ length: group.Count }, (_, at) => `${job.ID}.${group.Name}[${at}]`).filter(
    (name) => !used.has(name)
  )
}
