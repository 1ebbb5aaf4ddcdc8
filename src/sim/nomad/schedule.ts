import type { Allocation } from "./Allocation.ts"
import type { Cluster } from "./Cluster.ts"
import { type Deployment, isActive, runningWords } from "./Deployment.ts"
import type { Evaluation } from "./Evaluation.ts"
import { type Job, jobKey, runsToEnd } from "./Job.ts"
import type { JsonObject } from "./Json.ts"
import { type GroupPlan, type Placement, reconcileGroup, stopAll } from "./reconcileGroup.ts"
import { type Nanos, toMillis } from "./time.ts"

/** Called with each allocation that was placed, or told to stop, or moved to a new version in place. */
export interface Changed {
  readonly placed: (id: string) => void
  readonly stopped: (id: string) => void
  readonly movedInPlace: (id: string) => void
  readonly deploymentChanged: (id: string) => void
}

/**
 * The scheduler: one evaluation of a job at a time, the others of that job wait, and of several that wait
 * only the newest is processed. `enqueue` takes an evaluation that a commit has just stored.
 */
export const makeScheduler = (cluster: Cluster, changed: Changed) => {
  const { state, timings, after } = cluster
  const busy = new Set<string>()
  const waiting = new Map<string, ReadonlyArray<string>>()

  const enqueue = (evaluation: Evaluation): void => {
    const { ID, Namespace, JobID, WaitUntil } = evaluation
    if (WaitUntil !== null) {
      return after(toMillis(WaitUntil - cluster.now()), () => enqueue({ ...evaluation, WaitUntil: null }))
    }
    const key = jobKey(Namespace, JobID)
    if (busy.has(key)) return void waiting.set(key, [...(waiting.get(key) ?? []), ID])
    busy.add(key)
    after(timings.evaluation, () => process(key, ID))
  }

  const next = (key: string): void => {
    busy.delete(key)
    const ids = waiting.get(key) ?? []
    waiting.delete(key)
    const newest = ids.at(-1)
    if (ids.length > 1) {
      state.commit((index, now) => {
        for (const id of ids.slice(0, -1)) {
          finish(id, index, now, {
            Status: "canceled",
            StatusDescription: "canceled after more recent eval was processed"
          })
        }
      })
    }
    if (newest === undefined) return
    busy.add(key)
    after(timings.evaluation, () => process(key, newest))
  }

  const finish = (id: string, index: number, now: Nanos, fields: Partial<Evaluation>): void => {
    const evaluation = state.evaluations.get(id)
    if (evaluation === undefined) return
    state.putEvaluation({ ...evaluation, ...fields, ModifyIndex: index, ModifyTime: now })
  }

  const process = (key: string, id: string): void => {
    const evaluation = state.evaluations.get(id)
    if (evaluation === undefined || evaluation.Status !== "pending") return next(key)
    const outcome = plan(cluster, evaluation)
    const effects = apply(cluster, evaluation, outcome, changed)
    for (const effect of effects.run) effect()
    after(timings.completion, () => {
      const followUps: Array<Evaluation> = []
      state.commit((index, now) => {
        const latest = state.latestDeployment(evaluation.Namespace, evaluation.JobID)
        const job = state.job(evaluation.Namespace, evaluation.JobID)
        const blocked = outcome.refused === null ? undefined : block(cluster, evaluation, outcome, index, now)
        if (blocked !== undefined) state.putEvaluation(blocked)
        else if (job !== undefined && !job.Stop) unblock(cluster, evaluation, index, now)
        finish(id, index, now, {
          Status: "complete",
          DeploymentID: job === undefined || runsToEnd(job) ? "" : (latest?.ID ?? ""),
          BlockedEval: blocked?.ID ?? "",
          FailedTGAllocs: outcome.refused,
          PlanAnnotations: { DesiredTGUpdates: outcome.counts, PreemptedAllocs: null },
          QueuedAllocations: outcome.queued,
          SnapshotIndex: effects.snapshot
        })
        followUps.push(...effects.followUps)
      })
      for (const followUp of followUps) enqueue(followUp)
      next(key)
    })
  }

  return { enqueue }
}

interface JobPlan {
  readonly job: Job | undefined
  readonly groups: ReadonlyMap<string, GroupPlan>
  readonly current: Deployment | undefined
  /** An active deployment that this plan ends, with its words. */
  readonly cancels: { readonly deployment: Deployment; readonly words: string } | undefined
  readonly succeeds: boolean
  readonly refused: JsonObject | null
  readonly counts: JsonObject
  readonly queued: Readonly<Record<string, number>>
}

/** What processing this evaluation now would change; nothing is written. */
export const plan = (
  { state, now }: Cluster,
  evaluation: Pick<Evaluation, "ID" | "Namespace" | "JobID">
): JobPlan => {
  const { Namespace, JobID } = evaluation
  const job = state.job(Namespace, JobID)
  const latest = state.latestDeployment(Namespace, JobID)
  const allocations = state.allocationsOf(Namespace, JobID).filter((each) => each.DesiredStatus !== "stop")
  const names = new Set(allocations.map((each) => each.TaskGroup))
  if (job === undefined || job.Stop) {
    const groups = new Map(
      [...names].map((name) => [name, stopAll(allocations.filter((each) => each.TaskGroup === name))])
    )
    const cancels =
      latest !== undefined && isActive(latest)
        ? { deployment: latest, words: "Cancelled because job is stopped" }
        : undefined
    return { job, groups, current: undefined, cancels, succeeds: false, ...sums(groups) }
  }
  const isOurs =
    latest !== undefined && latest.JobVersion === job.Version && latest.JobCreateIndex === job.CreateIndex
  const current = isOurs && latest.Status !== "successful" ? latest : undefined
  const cancels =
    latest !== undefined && !isOurs && isActive(latest)
      ? { deployment: latest, words: "Cancelled due to newer version of job" }
      : undefined
  const groups = new Map<string, GroupPlan>()
  for (const group of job.TaskGroups) {
    const own = allocations.filter((each) => each.TaskGroup === group.Name)
    groups.set(
      group.Name,
      group.Count === 0
        ? stopAll(own)
        : reconcileGroup({
            job,
            group,
            allocations: own,
            current,
            old: current === undefined ? latest : undefined,
            evalId: evaluation.ID,
            now: now()
          })
    )
  }
  for (const name of names) {
    if (!groups.has(name)) groups.set(name, stopAll(allocations.filter((each) => each.TaskGroup === name)))
  }
  const succeeds =
    current !== undefined && isActive(current) && [...groups.values()].every((each) => each.complete)
  return { job, groups, current, cancels, succeeds, ...sums(groups) }
}

const sums = (groups: ReadonlyMap<string, GroupPlan>) => {
  const of = <A>(pick: (group: GroupPlan) => A): Record<string, A> =>
    Object.fromEntries([...groups].map(([name, group]) => [name, pick(group)]))
  const refused = Object.fromEntries(
    [...groups].flatMap(([name, group]) => (group.refused === undefined ? [] : [[name, group.refused]]))
  )
  return {
    refused: Object.keys(refused).length === 0 ? null : refused,
    counts: of((group) => ({ ...group.counts })),
    queued: of((group) => group.queued)
  }
}

/** Writes a plan in one commit, where it changes anything. */
const apply = (cluster: Cluster, evaluation: Evaluation, outcome: JobPlan, changed: Changed) => {
  const { state } = cluster
  const groups = [...outcome.groups.values()]
  const run: Array<() => void> = []
  const followUps: Array<Evaluation> = []
  const snapshot = state.index
  const creates = groups.some((group) => group.creates)
  const changes =
    creates ||
    outcome.cancels !== undefined ||
    outcome.succeeds ||
    groups.some(
      ({ place, stop, inPlace, later }) => place.length + stop.length + inPlace.length + later.length > 0
    )
  if (!changes) return { run, followUps, snapshot }
  state.commit((index, now) => {
    const { cancels, job, current } = outcome
    if (cancels !== undefined) {
      const words = { Status: "cancelled" as const, StatusDescription: cancels.words }
      state.putDeployment({ ...cancels.deployment, ...words, ModifyIndex: index, ModifyTime: now })
      run.push(() => changed.deploymentChanged(cancels.deployment.ID))
    }
    for (const group of groups) {
      for (const { allocation, words } of group.stop) {
        state.putAllocation({
          ...allocation,
          DesiredStatus: "stop",
          DesiredDescription: words,
          ModifyIndex: index,
          AllocModifyIndex: index,
          ModifyTime: now
        })
        run.push(() => changed.stopped(allocation.ID))
      }
    }
    if (job === undefined || job.Stop) return
    let deployment = nextDeployment(cluster, outcome, creates, evaluation, index, now)
    const joins = deployment !== undefined && isActive(deployment) ? deployment.ID : ""
    for (const group of groups) {
      for (const each of group.place) {
        const { allocation, previous } = placement(
          cluster,
          job,
          each,
          evaluation.ID,
          joins,
          deployment,
          index,
          now
        )
        if (previous !== undefined) state.putAllocation(previous)
        state.putAllocation(allocation)
        deployment = counting(deployment, allocation, now)
        run.push(() => changed.placed(allocation.ID))
      }
      for (const allocation of group.inPlace) {
        const tracked = joins !== "" && deployment?.TaskGroups[allocation.TaskGroup] !== undefined
        const moved = {
          ...allocation,
          Job: job,
          DeploymentID: tracked ? joins : "",
          DeploymentStatus: null,
          EvalID: evaluation.ID,
          ModifyIndex: index,
          AllocModifyIndex: index,
          ModifyTime: now
        }
        state.putAllocation(moved)
        deployment = counting(deployment, moved, now)
        run.push(() => changed.movedInPlace(allocation.ID))
      }
      for (const { allocation, at } of group.later) {
        const followUp = newEvaluation(cluster, job, "alloc-failure", index, now, { WaitUntil: at })
        state.putEvaluation(followUp)
        state.putAllocation({
          ...allocation,
          FollowupEvalID: followUp.ID,
          ModifyIndex: index,
          ModifyTime: now
        })
        followUps.push(followUp)
      }
    }
    if (outcome.succeeds && current !== undefined) {
      state.changeVersion(job.Namespace, job.ID, current.JobVersion, (version) => ({
        ...version,
        Stable: true
      }))
    }
    if (deployment !== undefined && deployment !== current) {
      const final = deployment
      state.putDeployment(final)
      run.push(() => changed.deploymentChanged(final.ID))
    }
  })
  return { run, followUps, snapshot }
}

/** The deployment of this version after the plan: made, changed by it, succeeded, or as it was. */
const nextDeployment = (
  { newId }: Cluster,
  { job, groups, current, succeeds }: JobPlan,
  creates: boolean,
  evaluation: Evaluation,
  index: number,
  now: Nanos
): Deployment | undefined => {
  if (job === undefined) return undefined
  const states = Object.fromEntries(
    [...groups].flatMap(([name, { deployment }]) => (deployment === undefined ? [] : [[name, deployment]]))
  )
  if (current !== undefined) {
    if (!isActive(current)) return current
    const changesGroups =
      creates || [...groups].some(([name, group]) => group.deployment !== current.TaskGroups[name])
    if (!changesGroups && !succeeds) return current
    const running = current.Status === "running"
    const words = succeeds
      ? { Status: "successful" as const, StatusDescription: "Deployment completed successfully" }
      : running
        ? { StatusDescription: runningWords(states) }
        : {}
    return { ...current, TaskGroups: states, ...words, ModifyIndex: index, ModifyTime: now }
  }
  if (!creates) return undefined
  return {
    ID: newId(),
    Namespace: job.Namespace,
    JobID: job.ID,
    JobVersion: job.Version,
    JobModifyIndex: job.ModifyIndex,
    JobSpecModifyIndex: job.JobModifyIndex,
    JobCreateIndex: job.CreateIndex,
    IsMultiregion: false,
    TaskGroups: states,
    Status: "running",
    StatusDescription: runningWords(states),
    EvalPriority: evaluation.Priority,
    CreateIndex: index,
    ModifyIndex: index,
    CreateTime: now,
    ModifyTime: now
  }
}

/** The deployment with one more allocation placed in it. */
const counting = (
  deployment: Deployment | undefined,
  { ID, TaskGroup, DeploymentID, DeploymentStatus }: Allocation,
  now: Nanos
): Deployment | undefined => {
  const group = deployment?.TaskGroups[TaskGroup]
  if (deployment === undefined || group === undefined || DeploymentID !== deployment.ID) return deployment
  const placed = {
    ...group,
    PlacedAllocs: group.PlacedAllocs + 1,
    PlacedCanaries:
      DeploymentStatus?.Canary === true ? [...(group.PlacedCanaries ?? []), ID] : group.PlacedCanaries,
    RequireProgressBy:
      group.RequireProgressBy ?? (group.ProgressDeadline > 0 ? now + BigInt(group.ProgressDeadline) : null)
  }
  return { ...deployment, TaskGroups: { ...deployment.TaskGroups, [TaskGroup]: placed } }
}

const placement = (
  { state, newId }: Cluster,
  job: Job,
  { name, group, previous: replaced, rescheduleDelay, canary }: Placement,
  evalId: string,
  joins: string,
  deployment: Deployment | undefined,
  index: number,
  now: Nanos
): { readonly allocation: Allocation; readonly previous: Allocation | undefined } => {
  const ID = newId()
  const isTracked = joins !== "" && deployment?.TaskGroups[group] !== undefined
  // The stop of this commit may already have replaced it.
  const stored = replaced === undefined ? undefined : (state.allocations.get(replaced.ID) ?? replaced)
  const previous: Allocation | undefined =
    stored === undefined
      ? undefined
      : {
          ...stored,
          NextAllocation: ID,
          DesiredStatus: "stop",
          ModifyIndex: index,
          ModifyTime: now
        }
  const allocation: Allocation = {
    ID,
    EvalID: evalId,
    Name: name,
    Namespace: job.Namespace,
    JobID: job.ID,
    TaskGroup: group,
    Job: job,
    DeploymentID: isTracked ? joins : "",
    DesiredStatus: "run",
    DesiredDescription: "",
    mayReschedule: false,
    ClientStatus: "pending",
    ClientDescription: "",
    TaskStates: null,
    DeploymentStatus: canary ? { Healthy: null, Timestamp: null, Canary: true, ModifyIndex: 0 } : null,
    FollowupEvalID: "",
    PreviousAllocation: previous?.ID ?? "",
    NextAllocation: "",
    reschedules:
      rescheduleDelay === undefined || replaced === undefined
        ? []
        : [
            ...replaced.reschedules,
            { PrevAllocID: replaced.ID, Delay: rescheduleDelay, RescheduleTime: now }
          ],
    CreateIndex: index,
    ModifyIndex: index,
    AllocModifyIndex: index,
    CreateTime: now,
    ModifyTime: now
  }
  return { allocation, previous }
}

/** A pending evaluation of a job, not stored yet. */
export const newEvaluation = (
  { newId }: Cluster,
  job: Pick<Job, "Namespace" | "ID" | "Type" | "Priority">,
  trigger: Evaluation["TriggeredBy"],
  index: number,
  now: Nanos,
  fields: Partial<Evaluation> = {}
): Evaluation => ({
  ID: newId(),
  Namespace: job.Namespace,
  JobID: job.ID,
  Type: job.Type,
  Priority: job.Priority,
  TriggeredBy: trigger,
  JobModifyIndex: 0,
  DeploymentID: "",
  Status: "pending",
  StatusDescription: "",
  BlockedEval: "",
  NextEval: "",
  PreviousEval: "",
  WaitUntil: null,
  FailedTGAllocs: null,
  PlanAnnotations: null,
  QueuedAllocations: null,
  SnapshotIndex: 0,
  CreateIndex: index,
  ModifyIndex: index,
  CreateTime: now,
  ModifyTime: now,
  ...fields
})

/** The evaluation that stands for the allocations that could not be placed. */
const block = (
  cluster: Cluster,
  evaluation: Evaluation,
  { refused, job }: JobPlan,
  index: number,
  now: Nanos
): Evaluation | undefined =>
  job === undefined
    ? undefined
    : newEvaluation(cluster, job, "queued-allocs", index, now, {
        Status: "blocked",
        StatusDescription: "created to place remaining allocations",
        PreviousEval: evaluation.ID,
        JobModifyIndex: evaluation.JobModifyIndex,
        FailedTGAllocs: refused,
        SnapshotIndex: evaluation.CreateIndex
      })

/** A look that placed everything makes the job's blocked evaluations moot. */
const unblock = (
  { state }: Cluster,
  { ID, Namespace, JobID }: Evaluation,
  index: number,
  now: Nanos
): void => {
  for (const blocked of state.evaluationsOf(Namespace, JobID)) {
    if (blocked.Status !== "blocked") continue
    state.putEvaluation({
      ...blocked,
      Status: "canceled",
      StatusDescription: `evaluation "${ID}" successful`,
      ModifyIndex: index,
      ModifyTime: now
    })
  }
}
