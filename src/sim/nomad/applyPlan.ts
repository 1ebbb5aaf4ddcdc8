import { type Allocation, isFinished } from "./Allocation.ts"
import type { Cluster } from "./Cluster.ts"
import { type Deployment, isActive, runningWords } from "./Deployment.ts"
import type { Evaluation } from "./Evaluation.ts"
import type { Job } from "./Job.ts"
import { newEvaluation } from "./newEvaluation.ts"
import type { JobPlan } from "./planJob.ts"
import type { Placement } from "./reconcileGroup.ts"
import type { Nanos } from "./time.ts"

/** Called with each allocation that was placed, or told to stop, or moved to a new version in place. */
export interface Changed {
  readonly placed: (id: string) => void
  readonly stopped: (id: string) => void
  readonly movedInPlace: (id: string) => void
  readonly deploymentChanged: (id: string) => void
}

/** Writes a plan in one commit, where it changes anything. */
export const applyPlan = (cluster: Cluster, evaluation: Evaluation, outcome: JobPlan, changed: Changed) => {
  const { state } = cluster
  const groups = [...outcome.groups.values()]
  const run: Array<() => void> = []
  const followUps: Array<Evaluation> = []
  const snapshot = state.index
  const creates = groups.some((group) => group.creates)
  const retold = outcome.current !== undefined && isRetold(outcome, outcome.current)
  const changes =
    creates ||
    retold ||
    outcome.cancels !== undefined ||
    outcome.succeeds ||
    groups.some(
      ({ place, stop, inPlace, later }) => place.length + stop.length + inPlace.length + later.length > 0
    )
  if (!changes) return { run, followUps, snapshot }
  state.commit("PlanResult", (index, now) => {
    const { cancels, job, current } = outcome
    state.putEvaluation({ ...evaluation, ModifyIndex: index, ModifyTime: now })
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
    const joined = deployment !== undefined && isActive(deployment) ? deployment : undefined
    const deploymentFor = (group: string) => (joined?.TaskGroups[group] === undefined ? "" : joined.ID)
    const place = (each: Placement): Allocation => {
      const allocation = newAllocation(cluster, job, each, { EvalID: evaluation.ID, index, now })
      // Read again: a stop in this commit may have changed it.
      const previous = state.allocations.get(allocation.PreviousAllocation)
      if (previous !== undefined) {
        // One of a system job that has ended is not stopped any more.
        const stays = job.Type === "system" && isFinished(previous)
        const linked = { NextAllocation: allocation.ID, ...(stays ? {} : { DesiredStatus: "stop" as const }) }
        state.putAllocation({ ...previous, ...linked, ModifyIndex: index, ModifyTime: now })
      }
      return { ...allocation, DeploymentID: deploymentFor(each.group) }
    }
    for (const group of groups) {
      for (const each of group.place) {
        const allocation = place(each)
        state.putAllocation(allocation)
        deployment = counting(deployment, allocation, now)
        run.push(() => changed.placed(allocation.ID))
      }
      for (const allocation of group.inPlace) {
        const moved = {
          ...allocation,
          Job: job,
          DeploymentID: deploymentFor(allocation.TaskGroup),
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
    if (outcome.succeeds && deployment !== undefined) {
      state.changeVersion(job.Namespace, job.ID, deployment.JobVersion, (version) => ({
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
    // One of a system job that failed is written again with each plan.
    if (!isActive(current)) {
      return job.Type === "system" ? { ...current, ModifyIndex: index, ModifyTime: now } : current
    }
    const changesGroups =
      creates || [...groups].some(([name, group]) => group.deployment !== current.TaskGroups[name])
    if (!changesGroups && !succeeds && !isRetold({ job, groups }, current)) return current
    const words = succeeds
      ? successful
      : current.Status === "running"
        ? { StatusDescription: runningWords(states) }
        : {}
    return { ...current, TaskGroups: states, ...words, ModifyIndex: index, ModifyTime: now }
  }
  if (!creates) return undefined
  const isSystem = job.Type === "system"
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
    EvalPriority: evaluation.Priority,
    CreateIndex: index,
    ModifyIndex: index,
    CreateTime: now,
    ModifyTime: now,
    ...(succeeds
      ? successful
      : { Status: "running", StatusDescription: isSystem ? "Deployment is running" : runningWords(states) })
  }
}

const successful = {
  Status: "successful",
  StatusDescription: "Deployment completed successfully"
} as const

/** That canaries of a system job wait for somebody is told by the second look at them, not by the first. */
const isRetold = ({ job, groups }: Pick<JobPlan, "job" | "groups">, current: Deployment): boolean =>
  job?.Type === "system" &&
  current.Status === "running" &&
  ![...groups.values()].some((group) => group.creates) &&
  current.StatusDescription !== runningWords(current.TaskGroups)

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

/** A pending allocation, not stored yet and of no deployment. */
const newAllocation = (
  { newId }: Cluster,
  job: Job,
  { name, group, previous, rescheduleDelay, canary }: Placement,
  { EvalID, index, now }: { readonly EvalID: string; readonly index: number; readonly now: Nanos }
): Allocation => ({
  ID: newId(),
  EvalID,
  Name: name,
  Namespace: job.Namespace,
  JobID: job.ID,
  TaskGroup: group,
  Job: job,
  DeploymentID: "",
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
    rescheduleDelay === undefined || previous === undefined
      ? []
      : [...previous.reschedules, { PrevAllocID: previous.ID, Delay: rescheduleDelay, RescheduleTime: now }],
  CreateIndex: index,
  ModifyIndex: index,
  AllocModifyIndex: index,
  CreateTime: now,
  ModifyTime: now
})
