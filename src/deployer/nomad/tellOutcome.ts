import { Duration } from "effect"
import type { Attempt, Phase } from "../../domain/Attempt.ts"
import type { ObservedTask } from "../../domain/Observed.ts"
import type { Progress } from "../Deployer.ts"
import { markerOf, observeTask } from "./findTasks.ts"
import { isParent, type NomadJob, type NomadTask } from "./NomadJob.ts"
import {
  type Allocation,
  awaitsPromotion,
  type Deployment,
  type Evaluation,
  healthyOf,
  isActive,
  placedOf
} from "./NomadRollout.ts"

/** What was read of one job. Undefined: not read yet. */
export interface JobFacts {
  /** By `JobModifyIndex`, the newest last. */
  readonly versions: ReadonlyArray<NomadJob>
  readonly deployments: ReadonlyArray<Deployment>
  readonly evaluations: ReadonlyArray<Evaluation> | undefined
  readonly allocations: ReadonlyArray<Allocation> | undefined
}

/** What the facts say of an attempt. */
export type Told =
  | Extract<Progress, { readonly _tag: "Ended" }>
  /** `healthy` grows with each newly healthy allocation. `mayRest`: nothing but what the job's status shows can change it. */
  | {
      readonly _tag: "Rolling"
      readonly phase: Phase
      readonly deploymentId: string | null
      readonly nomadVersion: number
      readonly words: string
      readonly healthy: number
      readonly mayRest: boolean
    }
  /** Every allocation that should run does; it succeeded once they ran for `minHealthy` without a restart, which would change `run`. */
  | {
      readonly _tag: "Running"
      readonly nomadVersion: number
      readonly run: string
      readonly minHealthy: Duration.Duration
    }
  /** The facts do not suffice: evaluations, then deployments, then allocations are needed, read in this order. */
  | { readonly _tag: "ReadOn" }

type Followed = Pick<Attempt, "id" | "imageSent" | "nomadIndex" | "nomadVersion">

/** Nomad's default where a group says nothing (`nomad-api.md` §5.3). */
const defaultMinHealthy = Duration.seconds(10)

interface Place {
  readonly group: string
  readonly task: NomadTask
}
const placesOf = (job: NomadJob): ReadonlyArray<Place> =>
  (job.TaskGroups ?? []).flatMap((group) => (group.Tasks ?? []).map((task) => ({ group: group.Name, task })))

/** Why nothing can be placed, as Nomad counted it; undefined while nothing is blocked. */
const whyBlocked = (evaluations: ReadonlyArray<Evaluation>): string | undefined => {
  const blocked = evaluations.filter(({ Status }) => Status === "blocked")
  if (blocked.length === 0) return undefined
  const reasons = blocked.flatMap(({ FailedTGAllocs }) =>
    Object.entries(FailedTGAllocs ?? {}).map(([group, { ConstraintFiltered, DimensionExhausted }]) => {
      const causes = [...Object.keys(ConstraintFiltered ?? {}), ...Object.keys(DimensionExhausted ?? {})]
      return `group "${group}"${causes.length === 0 ? "" : `: ${causes.join(", ")}`}`
    })
  )
  return ["no node can run it", ...reasons].join("; ")
}

const rolledBack = / - rolling back to job version (\d+)$/

/**
 * Where the rollout of an accepted attempt stands (`nomad-api.md` §5). Its version's deployment tells the outcome,
 * whatever came after it. Where that was cancelled, or never made because a newer version came first, the next
 * version that still carries the attempt's images tells it; any other one superseded it (T16).
 */
export const tellOutcome = (attempt: Followed, facts: JobFacts): Told => {
  const { versions, deployments } = facts
  const accepted = attempt.nomadIndex ?? 0
  const own = versions.find((version) => version.JobModifyIndex === accepted)
  const nomadVersion =
    own?.Version ??
    deployments.find((deployment) => deployment.JobSpecModifyIndex === accepted)?.JobVersion ??
    attempt.nomadVersion ??
    0
  const mapped = (own === undefined ? [] : placesOf(own)).filter(({ task }) => markerOf(task) === attempt.id)

  const ended = (
    outcome: "succeeded" | "failed" | "superseded",
    words: string,
    deployment?: Deployment
  ): Told => ({
    _tag: "Ended",
    outcome,
    deploymentId: deployment?.ID ?? null,
    nomadVersion,
    words,
    revertedTo: []
  })
  const rolling = (
    phase: Phase,
    words: string,
    rest: { readonly deployment?: Deployment; readonly mayRest?: boolean } = {}
  ): Told => ({
    _tag: "Rolling",
    phase,
    deploymentId: rest.deployment?.ID ?? null,
    nomadVersion,
    words,
    healthy: rest.deployment === undefined ? 0 : healthyOf(rest.deployment),
    mayRest: rest.mayRest ?? false
  })

  const tasksIn = (job: NomadJob): ReadonlyArray<ObservedTask> =>
    placesOf(job)
      .filter((place) => mapped.some((own) => isSamePlace(own, place)))
      .flatMap(({ group, task }) => observeTask(group, task) ?? [])
  const carries = (job: NomadJob): boolean =>
    mapped.length > 0 &&
    mapped.every((own) =>
      placesOf(job).some(
        (place) => isSamePlace(own, place) && place.task.Config?.image === own.task.Config?.image
      )
    )

  const newest = versions.at(-1)
  if (newest === undefined) return ended("superseded", "the job is gone")
  if (newest.CreateIndex > accepted) return ended("superseded", "the job was purged and made again")

  let index = accepted
  for (;;) {
    const deployment = deployments.find((made) => made.JobSpecModifyIndex === index)
    const words = deployment?.StatusDescription ?? ""
    if (deployment !== undefined && isActive(deployment)) {
      if (awaitsPromotion(deployment)) return rolling("awaiting_promotion", words, { deployment })
      if (placedOf(deployment) > 0) return rolling("rolling", words, { deployment, mayRest: true })
      if (facts.evaluations === undefined) return { _tag: "ReadOn" }
      const why = whyBlocked(facts.evaluations)
      return why === undefined
        ? rolling("rolling", words, { deployment })
        : rolling("unplaceable", why, { deployment, mayRest: true })
    }
    if (deployment?.Status === "successful") return ended("succeeded", words, deployment)
    if (deployment?.Status === "failed") {
      const stable = rolledBack.exec(words)?.[1]
      if (stable === undefined) return ended("failed", words, deployment)
      const target =
        versions.find((version) => version.Version === Number(stable)) ??
        versions.find((version) => version.JobModifyIndex > index)
      return {
        _tag: "Ended",
        outcome: "reverted",
        deploymentId: deployment.ID,
        nomadVersion,
        words,
        revertedTo: target === undefined ? [] : tasksIn(target)
      }
    }
    // Cancelled, or none: the version after it says why.
    const next = versions.find((version) => version.JobModifyIndex > index)
    if (next === undefined) break
    if (next.Stop) return ended("superseded", "the job was stopped", deployment)
    if (!carries(next))
      return ended(
        "superseded",
        words === "" ? `version ${next.Version} took its place before it was rolled out` : words,
        deployment
      )
    index = next.JobModifyIndex
  }
  // The newest version is the attempt's, or still carries its images, and has no deployment that could tell.
  if (newest.Stop) return ended("superseded", "the job was stopped")
  if (isParent(newest)) return ended("succeeded", "its next run has the new image")
  if (facts.evaluations === undefined || facts.allocations === undefined) return { _tag: "ReadOn" }
  return tellByAllocations(newest, facts.evaluations, facts.allocations, { ended, rolling, nomadVersion })
}

const isSamePlace = (a: Place, b: Place): boolean => a.group === b.group && a.task.Name === b.task.Name

/** A version that gets no deployment: `max_parallel = 0`, batch, system before 1.11, or T11. */
const tellByAllocations = (
  job: NomadJob,
  evaluations: ReadonlyArray<Evaluation>,
  allocations: ReadonlyArray<Allocation>,
  tell: {
    readonly ended: (outcome: "succeeded" | "failed", words: string) => Told
    readonly rolling: (phase: Phase, words: string) => Told
    readonly nomadVersion: number
  }
): Told => {
  const groups = job.TaskGroups ?? []
  const ofJob = allocations.filter((allocation) => allocation.CreateIndex >= job.CreateIndex)
  const isNew = ({ JobVersion }: Allocation) => JobVersion === job.Version
  const failed = ofJob.find((allocation) => isNew(allocation) && allocation.ClientStatus === "failed")
  if (failed !== undefined)
    return tell.ended("failed", `an allocation of group "${failed.TaskGroup}" failed for good`)
  if (evaluations.some(({ Status }) => Status === "pending"))
    return tell.rolling("rolling", "being scheduled")

  const isDone = ({ ClientStatus }: Allocation) =>
    ClientStatus === "complete" && (job.Type === "batch" || job.Type === "sysbatch")
  const wanted = ofJob.filter(({ DesiredStatus }) => DesiredStatus === "run")
  const ready = wanted.filter(
    (allocation) => isNew(allocation) && (allocation.ClientStatus === "running" || isDone(allocation))
  )
  const onEveryNode = job.Type === "system" || job.Type === "sysbatch"
  const isWhole = groups.every((group) => {
    const here = ({ TaskGroup }: Allocation) => TaskGroup === group.Name
    // Terminal ones of older versions count for nothing; of a system job Nomad alone knows how many there should be.
    const live = wanted.filter((allocation) => here(allocation) && (isNew(allocation) || isLive(allocation)))
    const have = ready.filter(here).length
    return have === live.length && (onEveryNode || have >= group.Count)
  })
  if (!isWhole) {
    const why = whyBlocked(evaluations)
    return why !== undefined && ready.length === 0
      ? tell.rolling("unplaceable", why)
      : tell.rolling("rolling", `${ready.length} of its allocations run`)
  }
  const running = ready.filter(({ ClientStatus }) => ClientStatus === "running")
  const minHealthy = groups.map(({ Update }) =>
    Update === undefined || Update === null || Update.MinHealthyTime === 0
      ? defaultMinHealthy
      : Duration.nanos(BigInt(Math.round(Update.MinHealthyTime)))
  )
  if (running.length === 0) return tell.ended("succeeded", "every allocation ended well, or none was due")
  return {
    _tag: "Running",
    nomadVersion: tell.nomadVersion,
    run: running
      .map(({ ID, TaskStates }) => JSON.stringify([ID, TaskStates]))
      .toSorted()
      .join("\n"),
    minHealthy: minHealthy.reduce(Duration.max, Duration.zero)
  }
}

const isLive = ({ ClientStatus }: Allocation): boolean =>
  ClientStatus === "pending" || ClientStatus === "running" || ClientStatus === "unknown"
