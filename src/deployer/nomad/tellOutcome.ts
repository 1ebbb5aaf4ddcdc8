import type { Attempt, Phase } from "../../domain/Attempt.ts"
import type { ObservedTask } from "../../domain/Observed.ts"
import { markerOf, observeTask, runsRepositoryOf } from "./findTasks.ts"
import { isParent, type NomadJob, type NomadTask } from "./NomadJob.ts"
import {
  type Allocation,
  awaitsPromotion,
  type Deployment,
  type Evaluation,
  healthyOf,
  isActive,
  placedOf,
  whyBlocked
} from "./NomadRollout.ts"
import { tellByAllocations } from "./tellByAllocations.ts"
import type { Told } from "./Told.ts"

/** What was read of one job. Undefined: not read yet. */
export interface JobFacts {
  /** By `JobModifyIndex`, the newest last. */
  readonly versions: ReadonlyArray<NomadJob>
  readonly deployments: ReadonlyArray<Deployment>
  readonly evaluations: ReadonlyArray<Evaluation> | undefined
  readonly allocations: ReadonlyArray<Allocation> | undefined
}

type Followed = Pick<Attempt, "id" | "imageSent" | "nomadIndex" | "nomadVersion">

interface Place {
  readonly group: string
  readonly task: NomadTask
}
const placesOf = (job: NomadJob): ReadonlyArray<Place> =>
  (job.TaskGroups ?? []).flatMap((group) => (group.Tasks ?? []).map((task) => ({ group: group.Name, task })))

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
    blame: outcome === "failed" ? "unknown" : null,
    swallowed: false,
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
      .filter((place) =>
        own === undefined
          ? runsRepositoryOf(place.task, attempt.imageSent)
          : mapped.some((ours) => isSamePlace(ours, place))
      )
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
        blame: "unknown",
        swallowed: false,
        revertedTo: target === undefined ? [] : tasksIn(target)
      }
    }
    // Cancelled, or none: the version after it says why.
    const next = versions.find((version) => version.JobModifyIndex > index)
    // Cancelled after the versions were read: the next look has the one that did it.
    if (next === undefined && deployment !== undefined) return { _tag: "ReadOn" }
    if (next === undefined) break
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
