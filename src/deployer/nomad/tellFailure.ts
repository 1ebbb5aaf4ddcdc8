import type { Blame } from "../../domain/Blame.ts"
import { goDuration } from "./goDuration.ts"
import type { NomadGroup, NomadJob, NomadTask } from "./NomadJob.ts"
import { type Allocation, type Deployment, type Evaluation, whyUnplaced } from "./NomadRollout.ts"
import { readTask, type TaskCause } from "./readTask.ts"

/** The task whose log may say more. */
export interface LogPlace {
  readonly allocation: string
  readonly task: string
}

export interface Failure {
  readonly blame: Blame
  /** What happened to the tasks, for a person; undefined where nothing tells. */
  readonly cause: string | undefined
  readonly log: LogPlace | undefined
}

/** What there is to tell a failure by. */
export interface FailureFacts {
  /** The attempt's own mapped tasks. */
  readonly own: ReadonlyArray<{ readonly group: string; readonly task: string }>
  /** The version that failed; undefined: Nomad keeps it no more. */
  readonly job: NomadJob | undefined
  /** The version of the attempt; it and those up to the one that failed carry its images. */
  readonly fromVersion: number
  /** Undefined: the version has none. */
  readonly deployment: Deployment | undefined
  readonly evaluations: ReadonlyArray<Evaluation>
  /** Of this life of the job. */
  readonly allocations: ReadonlyArray<Allocation>
  /** No other attempt's marker came into the job with those versions. */
  readonly isAlone: boolean
}

interface Trouble extends TaskCause {
  readonly isOwn: boolean
  readonly name: string
  readonly log: LogPlace
}

const hasChecks = (group: NomadGroup | undefined, task: NomadTask | undefined): boolean =>
  [...(group?.Services ?? []), ...(task?.Services ?? [])].some(({ Checks }) => (Checks ?? []).length > 0)

/**
 * A task that ran in an allocation that did not get healthy. What the client says of it is worth little: where a
 * check failed, it says that the task did not run for `min_healthy_time` (seen on 2.0.6-dev).
 */
const unhealthyCause = (
  said: string,
  group: NomadGroup | undefined,
  task: NomadTask | undefined
): TaskCause => {
  const { HealthCheck = "checks", HealthyDeadline = 0 } = group?.Update ?? {}
  const services = /^Services not healthy by deadline: (.*)/.exec(said)?.[1]
  const isCheck = HealthCheck === "checks" && hasChecks(group, task)
  const why = services !== undefined ? ` (check of ${services} failing)` : isCheck ? " (check failing)" : ""
  const within = HealthyDeadline > 0 ? ` within ${goDuration(HealthyDeadline)}` : ""
  return {
    blame: "image",
    words: why === "" && said !== "" ? said : `not healthy${within}${why}`,
    exited: false
  }
}

const progressDeadline = ({ Update }: Partial<NomadGroup>): string => {
  const deadline = Update?.ProgressDeadline ?? 0
  return `not healthy within the progress deadline${deadline > 0 ? ` of ${goDuration(deadline)}` : ""}`
}

/** What is wrong with the tasks of one allocation, which is unhealthy or, `isLate`, was not healthy in time. */
const troublesOf = (allocation: Allocation, facts: FailureFacts, isLate: boolean): ReadonlyArray<Trouble> => {
  const group = facts.job?.TaskGroups?.find(({ Name }) => Name === allocation.TaskGroup)
  const taskOf = (name: string) => group?.Tasks?.find(({ Name }) => Name === name)
  const all = Object.entries(allocation.TaskStates ?? {})
  // Where one failed for good the others were only ended with it.
  const failed = all.filter(([, { Failed }]) => Failed === true)
  const tales = (failed.length > 0 ? failed : all).map(([name, state]) => ({
    name,
    state,
    ...readTask(state, taskOf(name))
  }))
  const tell = (name: string, cause: TaskCause): Trouble => ({
    ...cause,
    name,
    isOwn: facts.own.some((own) => own.group === allocation.TaskGroup && own.task === name),
    log: { allocation: allocation.ID, task: name }
  })
  const told = tales.flatMap(({ name, cause }) => (cause === undefined ? [] : [tell(name, cause)]))
  if (told.length > 0) return told
  // The rollback ends what ran: it is dead by the time that it is looked at.
  const ran = tales.filter(({ state, isDone }) => !isDone && state.StartedAt !== null)
  const named = tales.filter(({ unhealthy }) => unhealthy !== "")
  return (named.length > 0 ? named : ran).map(({ name, state, unhealthy }) => {
    if (state.Failed === true || allocation.ClientStatus === "failed")
      return tell(name, { blame: "image", words: "failed", exited: true })
    if (isLate) return tell(name, { blame: "image", words: progressDeadline(group ?? {}), exited: false })
    return tell(name, unhealthyCause(unhealthy, group, taskOf(name)))
  })
}

/** Groups that kept the deployment from succeeding, by its own counts, which outlive its allocations. */
const lateGroups = ({ TaskGroups }: Deployment): ReadonlyArray<string> => {
  const groups = Object.entries(TaskGroups ?? {})
  const unhealthy = groups.filter(([, { UnhealthyAllocs }]) => UnhealthyAllocs > 0)
  const late = groups.filter(([, { HealthyAllocs, DesiredTotal }]) => HealthyAllocs < DesiredTotal)
  return (unhealthy.length > 0 ? unhealthy : late).map(([name]) => name)
}

/** Who is to blame that a version failed, as seen from one attempt, and what to say of it (S11). */
export const tellFailure = (facts: FailureFacts): Failure => {
  const { own, job, deployment, isAlone } = facts
  const lastVersion = deployment?.JobVersion ?? job?.Version ?? facts.fromVersion
  const newest = facts.allocations
    .filter(({ JobVersion }) => JobVersion >= facts.fromVersion && JobVersion <= lastVersion)
    .toSorted((a, b) => b.CreateIndex - a.CreateIndex)
  const isNamedTwice = (task: string) =>
    (job?.TaskGroups ?? []).filter(({ Tasks }) => Tasks?.some(({ Name }) => Name === task)).length > 1
  const say = (blame: Blame, allocations: ReadonlyArray<Allocation>, trouble: Trouble): Failure => {
    const group = allocations.find(({ ID }) => ID === trouble.log.allocation)?.TaskGroup ?? ""
    const name = isNamedTwice(trouble.name) ? `${group}/${trouble.name}` : trouble.name
    return {
      blame,
      cause: `task ${name}: ${trouble.words}`,
      log: trouble.exited ? trouble.log : undefined
    }
  }
  /** The image's fault before its surroundings', one's own before the others'. */
  const judge = (allocations: ReadonlyArray<Allocation>, isLate = false): Failure | undefined => {
    const troubles = allocations.flatMap((allocation) => troublesOf(allocation, facts, isLate))
    const ours = troubles.filter(({ isOwn }) => isOwn)
    const image = ours.find(({ blame }) => blame === "image") ?? ours[0]
    if (image !== undefined) return say(image.blame, allocations, image)
    const [other] = troubles
    return other === undefined ? undefined : say("others", allocations, other)
  }

  const unwell = newest.filter(
    ({ ClientStatus, DeploymentStatus }) => ClientStatus === "failed" || DeploymentStatus?.Healthy === false
  )
  const judged = judge(unwell)
  if (judged !== undefined) return judged

  const isOwnGroup = (name: string) => own.some(({ group }) => group === name)
  const isShort = (name: string) => {
    const counts = deployment?.TaskGroups?.[name]
    return counts === undefined || counts.PlacedAllocs < counts.DesiredTotal
  }
  const unplaced = facts.evaluations.filter(
    ({ Status, JobModifyIndex, DeploymentID }) =>
      Status === "blocked" ||
      (job !== undefined && JobModifyIndex === job.JobModifyIndex) ||
      (deployment !== undefined && DeploymentID === deployment.ID)
  )
  const short = unplaced.flatMap(({ FailedTGAllocs }) => Object.keys(FailedTGAllocs ?? {})).filter(isShort)
  if (short.length > 0) {
    const blame = short.some(isOwnGroup) ? "surroundings" : "others"
    return { blame, cause: whyUnplaced(unplaced), log: undefined }
  }

  if (newest.some(({ TaskGroup, ClientStatus }) => isOwnGroup(TaskGroup) && ClientStatus === "lost"))
    return { blame: "surroundings", cause: "its node was lost", log: undefined }

  const late = deployment === undefined ? [] : lateGroups(deployment)
  if (own.length > 0 && late.length > 0 && !late.some(isOwnGroup))
    return { blame: "others", cause: `group "${late.join('", "')}" did not get healthy`, log: undefined }

  // Neither healthy nor not when the deadline passed; whatever became of them since.
  const isDeadline = deployment?.StatusDescription.startsWith("Failed due to progress deadline") === true
  const undecided = newest.filter(
    ({ TaskGroup, DeploymentStatus }) => isOwnGroup(TaskGroup) && DeploymentStatus?.Healthy !== true
  )
  const overdue = isDeadline ? judge(undecided, true) : undefined
  if (overdue !== undefined) return overdue

  // Nothing is left that could tell, or a person failed the deployment. An attempt that is alone between the stable
  // version and the failed one is to blame all the same: nobody else changed anything.
  const cause = isDeadline
    ? progressDeadline(job?.TaskGroups?.find(({ Name }) => isOwnGroup(Name)) ?? {})
    : undefined
  return { blame: isAlone ? "image" : "unknown", cause, log: undefined }
}
