import { type Allocation, isFinished } from "./Allocation.ts"
import { emptyGroup } from "./Deployment.ts"
import { refusedPlacement } from "./feasible.ts"
import type { GroupView } from "./groupView.ts"
import { isDestructive } from "./jobChange.ts"
import { type GroupPlan, noCounts, type Placement, replaced } from "./reconcileGroup.ts"

/**
 * One look at one group of a system or sysbatch job: one allocation on the one node, wherever it is feasible. Unlike
 * that of a service a deployment is made, and ends well, where no node is (seen on 2.0.6), and one that failed is not
 * replaced by a newer version's (`nomad-api.md` T11). Pure.
 */
export const reconcileSystem = (view: GroupView & { readonly deploys: boolean }): GroupPlan => {
  const { job, group, current, now } = view
  const strategy =
    view.deploys && job.Type === "system" && group.Update !== null && group.Update.MaxParallel > 0
      ? group.Update
      : null
  const existing = current?.TaskGroups[group.Name]
  const paused = current?.Status === "paused"
  const latest = view.allocations.filter((each) => each.NextAllocation === "")
  const refused = refusedPlacement(job, group.Name) ?? view.noRoom?.()

  const isSame = (each: Allocation) => each.Job.JobModifyIndex === job.JobModifyIndex
  const changes = (each: Allocation) => !isSame(each) && isDestructive(each.Job, job, group.Name)
  // What has ended runs again: of a system job always, of a sysbatch job when it is replaced.
  const ended = latest.filter((each) => isFinished(each) && (job.Type === "system" || changes(each)))
  const alive = latest.filter((each) => !isFinished(each))
  const feasible = refused === undefined
  const destructive = feasible && !paused ? alive.filter(changes) : []
  const inPlace = feasible ? alive.filter((each) => !isSame(each) && !changes(each)) : []
  const hasRun = latest.length > 0
  const canaries =
    strategy !== null && strategy.Canary > 0 && destructive.length > 0 ? Math.ceil(strategy.Canary / 100) : 0

  const place = (previous: Allocation | undefined, canary: boolean): Placement => ({
    name: `${job.ID}.${group.Name}[0]`,
    group: group.Name,
    previous,
    rescheduleDelay: undefined,
    canary
  })
  const fills = !feasible || paused ? [] : hasRun ? ended : [undefined]
  const places = [
    ...fills.map((each) => place(each, false)),
    ...destructive.map((each) => place(each, canaries > 0))
  ]

  const creates = strategy !== null && current === undefined && (!hasRun || !latest.every(isSame))
  const made =
    creates && strategy !== null
      ? {
          ...emptyGroup(strategy),
          DesiredTotal: feasible ? 1 : 0,
          DesiredCanaries: canaries,
          RequireProgressBy: strategy.ProgressDeadline > 0 ? now + BigInt(strategy.ProgressDeadline) : null
        }
      : undefined
  const deployment = existing ?? made
  const quiet = places.length + inPlace.length === 0
  const complete =
    quiet &&
    (deployment === undefined ||
      (deployment.HealthyAllocs >= deployment.DesiredTotal &&
        !(deployment.DesiredCanaries > 0 && !deployment.Promoted)))
  return {
    place: places,
    stop: [...destructive, ...(feasible ? [] : alive)].map((allocation) => ({ allocation, words: replaced })),
    inPlace,
    later: [],
    deployment,
    creates,
    complete,
    refused: feasible ? undefined : { ...refused, NodePool: "", NodesAvailable: null, NodesInPool: 0 },
    queued: 0,
    counts: {
      ...noCounts,
      Canary: canaries,
      DestructiveUpdate: destructive.length,
      Ignore: alive.length - destructive.length - inPlace.length,
      InPlaceUpdate: inPlace.length,
      Place: places.length + inPlace.length
    }
  }
}
