import { type Allocation, isFinished } from "./Allocation.ts"
import { type DeploymentGroup, emptyGroup } from "./Deployment.ts"
import { refusedPlacement } from "./feasible.ts"
import {
  classify,
  freeNames,
  type GroupView,
  roomToUpdate,
  tooMany,
  unneededCanaries,
  updates
} from "./groupView.ts"
import { runsToEnd } from "./Job.ts"
import type { JsonObject } from "./Json.ts"
import type { Nanos } from "./time.ts"

export interface Placement {
  readonly name: string
  readonly group: string
  readonly previous: Allocation | undefined
  /** `previous` failed and is replaced after this many nanoseconds. */
  readonly rescheduleDelay: number | undefined
  readonly canary: boolean
}

export interface Stop {
  readonly allocation: Allocation
  readonly words: string
}

/** What one look at one group would change. */
export interface GroupPlan {
  readonly place: ReadonlyArray<Placement>
  readonly stop: ReadonlyArray<Stop>
  readonly inPlace: ReadonlyArray<Allocation>
  /** Failed allocations that get a follow-up evaluation at that time. */
  readonly later: ReadonlyArray<{ readonly allocation: Allocation; readonly at: Nanos }>
  /** The group in the deployment, new or changed; `undefined` where it takes no part in one. */
  readonly deployment: DeploymentGroup | undefined
  /** Whether a deployment has to be made for it. */
  readonly creates: boolean
  readonly complete: boolean
  readonly refused: JsonObject | undefined
  readonly queued: number
  readonly counts: Record<DesiredCount, number>
}

export type DesiredCount =
  | "Canary"
  | "DestructiveUpdate"
  | "Disconnect"
  | "Ignore"
  | "InPlaceUpdate"
  | "Migrate"
  | "Place"
  | "Preemptions"
  | "Reconnect"
  | "RescheduleLater"
  | "RescheduleNow"
  | "Stop"

export const noCounts: Record<DesiredCount, number> = {
  Canary: 0,
  DestructiveUpdate: 0,
  Disconnect: 0,
  Ignore: 0,
  InPlaceUpdate: 0,
  Migrate: 0,
  Place: 0,
  Preemptions: 0,
  Reconnect: 0,
  RescheduleLater: 0,
  RescheduleNow: 0,
  Stop: 0
}

const unneeded = "alloc not needed due to job update"
export const replaced = "alloc is being updated due to job update"

/** What a group without a place in the job gets: everything stopped. */
export const stopAll = (allocations: ReadonlyArray<Allocation>): GroupPlan => {
  const stop = allocations
    .filter((each) => !isFinished(each))
    .map((allocation) => ({ allocation, words: unneeded }))
  return {
    place: [],
    stop,
    inPlace: [],
    later: [],
    deployment: undefined,
    creates: false,
    complete: true,
    refused: undefined,
    queued: 0,
    counts: { ...noCounts, Stop: stop.length }
  }
}

/**
 * One look at one group of a service or batch job, as Nomad's reconciler takes it: stops what is too
 * much, replaces what failed, then at most `max_parallel` of what is of an older version. Pure.
 */
export const reconcileGroup = (view: GroupView): GroupPlan => {
  const { job, group, current } = view
  const strategy =
    group.Update !== null && group.Update.MaxParallel > 0 && !runsToEnd(job) ? group.Update : null
  const existing = current?.TaskGroups[group.Name]
  const fresh = (each: Allocation) => each.Job.Version === job.Version
  const paused = current?.Status === "paused"
  const failed = current?.Status === "failed"

  const dropped = unneededCanaries(view)
  const left = view.allocations.filter((each) => !dropped.includes(each))
  const { kept, now: due, later: failing, finished } = classify(view, left, fresh)

  const isCanary = (each: Allocation) =>
    current !== undefined && existing?.PlacedCanaries?.includes(each.ID) === true
  const canaries = kept.filter(isCanary)
  const canarying = existing !== undefined && existing.DesiredCanaries > 0 && !existing.Promoted
  const excess = tooMany(group, kept, canaries, canarying)
  const staying = kept.filter((each) => !excess.includes(each))

  const { ignored, inPlace, destructive } = updates(view, staying)
  const wanted = strategy?.Canary ?? 0
  const missingCanaries =
    wanted > 0 && destructive.length > 0 && existing?.Promoted !== true ? wanted - canaries.length : 0
  const placesCanaries = missingCanaries > 0 && !paused && !failed
  const waits = canarying || missingCanaries > 0

  const counted = staying.filter((each) => !(canarying && isCanary(each)))
  const names = freeNames(job, group, [...counted, ...due.map((each) => each.allocation)])
  const missing = Math.max(0, group.Count - counted.length - due.length)
  const fills: ReadonlyArray<Placement> = [
    ...due.map(({ allocation, delay }) => ({
      name: allocation.Name,
      group: group.Name,
      previous: allocation,
      rescheduleDelay: delay,
      canary: false
    })),
    ...names.slice(0, missing).map((name) => ({
      name,
      group: group.Name,
      previous: undefined,
      rescheduleDelay: undefined,
      canary: false
    }))
  ]
  const ready = !paused && !failed && !waits
  // What failed in a deployment that failed is left alone; what failed otherwise is replaced even so.
  const mayFill = ready
    ? fills
    : fills.filter(
        ({ previous }) =>
          previous !== undefined && !(failed && previous.DeploymentID === current.ID) && !paused
      )
  const room = roomToUpdate(view, strategy?.MaxParallel, counted)
  const replacing = ready ? destructive.slice(0, Math.max(0, room - mayFill.length)) : []

  // What is stopped anyway needs no look later.
  const later = failing.filter(({ allocation }) => ![...excess, ...replacing].includes(allocation))

  const canaryPlaces: ReadonlyArray<Placement> = placesCanaries
    ? destructive.slice(0, missingCanaries).map(({ Name }) => ({
        name: Name,
        group: group.Name,
        previous: undefined,
        rescheduleDelay: undefined,
        canary: true
      }))
    : []
  const destructivePlaces = replacing.map((previous) => ({
    name: previous.Name,
    group: group.Name,
    previous,
    rescheduleDelay: undefined,
    canary: false
  }))
  const wantedPlaces = [...mayFill, ...canaryPlaces, ...destructivePlaces]
  const refused =
    wantedPlaces.length === 0 ? undefined : (refusedPlacement(job, group.Name) ?? view.noRoom?.())
  const isRefused = refused !== undefined

  const updating = destructive.length + inPlace.length > 0
  const total = group.Count > 0 ? destructive.length + inPlace.length + fills.length : 0
  const creates =
    strategy !== null && existing === undefined && total > 0 && (updating || !view.allocations.some(fresh))
  const base = existing ?? (creates ? { ...emptyGroup(strategy), DesiredTotal: total } : undefined)
  const deployment = base !== undefined && placesCanaries ? { ...base, DesiredCanaries: wanted } : base

  const quiet = destructive.length + inPlace.length + wantedPlaces.length + later.length === 0
  const complete =
    quiet &&
    missingCanaries <= 0 &&
    (existing === undefined ||
      (existing.HealthyAllocs >= Math.max(existing.DesiredTotal, existing.DesiredCanaries) &&
        !(existing.DesiredCanaries > 0 && !existing.Promoted)))

  return {
    place: isRefused ? [] : wantedPlaces,
    stop: [
      ...[...dropped, ...excess].map((allocation) => ({ allocation, words: unneeded })),
      ...(isRefused ? [] : replacing.map((allocation) => ({ allocation, words: replaced })))
    ],
    inPlace,
    later,
    deployment,
    creates,
    complete,
    refused,
    queued: isRefused ? wantedPlaces.length : 0,
    counts: {
      ...noCounts,
      Canary: canaryPlaces.length,
      DestructiveUpdate: replacing.length,
      Ignore: ignored + finished + destructive.length - replacing.length,
      InPlaceUpdate: inPlace.length,
      Place: mayFill.length,
      Stop: dropped.length + excess.length
    }
  }
}
