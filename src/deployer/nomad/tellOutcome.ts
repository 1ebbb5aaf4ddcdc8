import type { Attempt, AttemptId, Phase } from "../../domain/Attempt.ts"
import type { ObservedTask } from "../../domain/Observed.ts"
import { markerOf, observeTask, runsRepositoryOf } from "./findTasks.ts"
import { isParent, type NomadJob, type NomadTask } from "./NomadJob.ts"
import {
  type Allocation,
  awaitsPromotion,
  countOf,
  type Deployment,
  type Evaluation,
  isActive,
  whyBlocked
} from "./NomadRollout.ts"
import { rollbackOf, rolledBackTo } from "./rollback.ts"
import { tellByAllocations } from "./tellByAllocations.ts"
import { type Failure, tellFailure } from "./tellFailure.ts"
import type { Told } from "./Told.ts"

/** What was read of one job. Undefined: not read yet, or, once `isWhole`, what Nomad has of it can not be read. */
export interface JobFacts {
  /** By `JobModifyIndex`, the newest last. */
  readonly versions: ReadonlyArray<NomadJob>
  readonly deployments: ReadonlyArray<Deployment>
  readonly evaluations: ReadonlyArray<Evaluation> | undefined
  readonly allocations: ReadonlyArray<Allocation> | undefined
  readonly isWhole: boolean
}

type Followed = Pick<Attempt, "id" | "imageSent" | "nomadIndex" | "nomadVersion">

interface Place {
  readonly group: string
  readonly task: NomadTask
}
const placesOf = (job: NomadJob): ReadonlyArray<Place> =>
  (job.TaskGroups ?? []).flatMap((group) => (group.Tasks ?? []).map((task) => ({ group: group.Name, task })))
const isSamePlace = (a: Place, b: Place): boolean => a.group === b.group && a.task.Name === b.task.Name

const markersOf = (job: NomadJob): ReadonlyArray<AttemptId | null> =>
  placesOf(job).map(({ task }) => markerOf(task))

const healthyWords = (healthy: number, total: number): string => `${healthy} of ${total} allocations healthy`

/** "2 of 3 allocations healthy", and why not more where that is known. */
export const rollingWords = (
  phase: Phase,
  counts: { readonly healthy: number; readonly total: number },
  rest: { readonly isPaused?: boolean; readonly cause?: string | undefined } = {}
): string => {
  const counted = healthyWords(counts.healthy, counts.total)
  if (phase === "awaiting_promotion") return `${counted}; the canaries wait to be promoted`
  return [rest.isPaused === true ? "the deployment is paused" : "", counted, rest.cause ?? ""]
    .filter((part) => part !== "")
    .join("; ")
}

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
    outcome: "succeeded" | "failed" | "reverted" | "superseded",
    words: string,
    rest: {
      readonly deployment?: Deployment | undefined
      readonly failure?: Failure
      readonly swallowed?: boolean
      readonly revertedTo?: ReadonlyArray<ObservedTask>
    } = {}
  ): Told => ({
    _tag: "Ended",
    outcome,
    deploymentId: rest.deployment?.ID ?? null,
    nomadVersion,
    words,
    blame: rest.failure?.blame ?? null,
    cause: rest.failure?.cause,
    log: rest.failure?.log,
    swallowed: rest.swallowed ?? false,
    revertedTo: rest.revertedTo ?? []
  })
  const rolling = (
    phase: Phase,
    words: string,
    rest: { readonly deployment?: Deployment; readonly mayRest?: boolean; readonly toldBy?: number } = {}
  ): Told => ({
    _tag: "Rolling",
    phase,
    deploymentId: rest.deployment?.ID ?? null,
    nomadVersion,
    toldBy: rest.deployment?.JobVersion ?? nomadVersion,
    words,
    healthy: rest.deployment === undefined ? 0 : countOf(rest.deployment, "HealthyAllocs"),
    mayRest: rest.mayRest ?? false
  })

  /** Where the attempt's tasks stand in a version; without its own version, where its repository's image is. */
  const placesIn = (job: NomadJob): ReadonlyArray<Place> =>
    placesOf(job).filter((place) =>
      own === undefined
        ? runsRepositoryOf(place.task, attempt.imageSent)
        : mapped.some((ours) => isSamePlace(ours, place))
    )
  const tasksIn = (job: NomadJob | undefined): ReadonlyArray<ObservedTask> =>
    job === undefined ? [] : placesIn(job).flatMap(({ group, task }) => observeTask(group, task) ?? [])
  const carries = (job: NomadJob): boolean =>
    mapped.length > 0 &&
    mapped.every((ours) =>
      placesOf(job).some(
        (place) => isSamePlace(ours, place) && place.task.Config?.image === ours.task.Config?.image
      )
    )

  const newest = versions.at(-1)
  if (newest === undefined) return ended("superseded", "the job is gone")
  if (newest.CreateIndex > accepted) return ended("superseded", "the job was purged and made again")

  /** `stable`: the version that runs instead, or would. */
  const failureOf = (
    job: NomadJob | undefined,
    deployment: Deployment | undefined,
    stable: NomadJob | undefined
  ): Failure => {
    const known = new Set(stable === undefined ? [] : markersOf(stable))
    return tellFailure({
      own: placesIn(job ?? newest).map(({ group, task }) => ({ group, task: task.Name })),
      job,
      fromVersion: nomadVersion,
      deployment,
      evaluations: facts.evaluations ?? [],
      allocations: (facts.allocations ?? []).filter(({ CreateIndex }) => CreateIndex >= newest.CreateIndex),
      isAlone:
        job !== undefined &&
        markersOf(job).every((marker) => marker === null || marker === attempt.id || known.has(marker))
    })
  }
  const stableBefore = versions.findLast(
    ({ JobModifyIndex, Stable }) => JobModifyIndex < accepted && Stable === true
  )
  const canReadOn = facts.allocations === undefined && !facts.isWhole

  /** `next`, Nomad's rollback to `copied`, replaced `replaced`, of which there is no deployment. */
  const rolledBackOver = (replaced: NomadJob | undefined, next: NomadJob, copied: NomadJob): Told => {
    const revertedTo = tasksIn(next)
    if (deployments.some((made) => rolledBackTo(made) === copied.Version))
      return ended(
        "superseded",
        `Nomad's rollback to job version ${copied.Version} came before it was rolled out`,
        { swallowed: true, revertedTo }
      )
    // The deployment that failed is forgotten: it was this version's own, or, where there are versions between, one of
    // theirs, whose rollback then swallowed this one.
    if (canReadOn) return { _tag: "ReadOn" }
    const failure = failureOf(replaced, undefined, copied)
    const isNext = versions[versions.indexOf(copied) + 1]?.JobModifyIndex === accepted
    return ended("reverted", `rolled back to job version ${copied.Version}`, {
      failure: isNext || failure.cause !== undefined ? failure : { ...failure, blame: "unknown" },
      revertedTo
    })
  }

  let index = accepted
  let before = own
  for (;;) {
    const deployment = deployments.find((made) => made.JobSpecModifyIndex === index)
    const words = deployment?.StatusDescription ?? ""
    if (deployment !== undefined && isActive(deployment)) {
      const counts = {
        healthy: countOf(deployment, "HealthyAllocs"),
        total: countOf(deployment, "DesiredTotal")
      }
      const isPaused = deployment.Status === "paused"
      if (awaitsPromotion(deployment))
        return rolling("awaiting_promotion", rollingWords("awaiting_promotion", counts), { deployment })
      if (countOf(deployment, "UnhealthyAllocs") > 0) {
        if (canReadOn) return { _tag: "ReadOn" }
        const { cause } = failureOf(before, deployment, stableBefore)
        return rolling("rolling", rollingWords("rolling", counts, { isPaused, cause }), {
          deployment,
          mayRest: true
        })
      }
      const plain = rollingWords("rolling", counts, { isPaused })
      const placed = countOf(deployment, "PlacedAllocs")
      // While some are on their way nothing is blocked, or it does not matter yet.
      if (placed > counts.healthy || placed >= counts.total)
        return rolling("rolling", plain, { deployment, mayRest: true })
      if (facts.evaluations === undefined) return { _tag: "ReadOn" }
      const why = whyBlocked(facts.evaluations)
      if (why === undefined) return rolling("rolling", plain, { deployment, mayRest: isPaused })
      const words = placed === 0 ? why : rollingWords("rolling", counts, { isPaused, cause: why })
      return rolling("unplaceable", words, { deployment, mayRest: true })
    }
    if (deployment?.Status === "successful") return ended("succeeded", words, { deployment })
    if (deployment?.Status === "failed") {
      if (canReadOn) return { _tag: "ReadOn" }
      const stable = rolledBackTo(deployment)
      if (stable === undefined)
        return ended("failed", words, { deployment, failure: failureOf(before, deployment, stableBefore) })
      const target =
        versions.find((version) => version.Version === stable) ??
        versions.find((version) => version.JobModifyIndex > index)
      return ended("reverted", words, {
        deployment,
        failure: failureOf(before, deployment, target),
        revertedTo: tasksIn(target)
      })
    }
    // Nomad forgets a deployment an hour after it ended, but not that the version got stable by it.
    if (deployment === undefined && before?.Stable === true)
      return ended("succeeded", `Nomad has version ${before.Version} as stable`)
    // Cancelled, or none: the version after it says why.
    const next = versions.find((version) => version.JobModifyIndex > index)
    // Cancelled after the versions were read: the next look has the one that did it.
    if (next === undefined && deployment !== undefined) return { _tag: "ReadOn" }
    if (next === undefined) break
    // Whatever image it brings back: the register that it went over was never scheduled.
    const copied =
      deployment === undefined && before !== undefined ? rollbackOf(next, before, versions) : undefined
    if (copied !== undefined) return rolledBackOver(before, next, copied)
    if (!carries(next))
      return ended(
        "superseded",
        words === "" ? `version ${next.Version} took its place before it was rolled out` : words,
        { deployment }
      )
    index = next.JobModifyIndex
    before = next
  }
  // The newest version is the attempt's, or still carries its images, and has no deployment that could tell.
  if (newest.Stop) return ended("superseded", "the job was stopped")
  if (isParent(newest)) return ended("succeeded", "its next run has the new image")
  if (facts.evaluations === undefined || facts.allocations === undefined) return { _tag: "ReadOn" }
  return tellByAllocations(newest, facts.evaluations, facts.allocations, {
    ended: (outcome, words) =>
      outcome === "failed"
        ? ended("failed", words, { failure: failureOf(newest, undefined, stableBefore) })
        : ended(outcome, words),
    rolling,
    nomadVersion
  })
}
