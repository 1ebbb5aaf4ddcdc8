import type { Cluster } from "./Cluster.ts"
import { type Deployment, isActive } from "./Deployment.ts"
import type { Evaluation } from "./Evaluation.ts"
import { noRoom } from "./feasible.ts"
import type { Job } from "./Job.ts"
import type { JsonObject } from "./Json.ts"
import { reconcileSystem } from "./reconcileSystem.ts"
import { type GroupPlan, reconcileGroup, stopAll } from "./reconcileGroup.ts"

/** What processing one evaluation would change. */
export interface JobPlan {
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

/** What processing this evaluation now would change, were the stored job this one; nothing is written. */
export const planJob = (
  cluster: Cluster,
  evaluation: Pick<Evaluation, "ID" | "Namespace" | "JobID">,
  instead?: Job
): JobPlan => {
  const { state, now } = cluster
  const { Namespace, JobID } = evaluation
  const job = instead ?? state.job(Namespace, JobID)
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
  const isOurs = latest !== undefined && latest.JobVersion === job.Version
  // Of a system job one that failed stays the current one, whatever version comes (`nomad-api.md` T11).
  const isStuck = latest?.Status === "failed" && job.Type === "system"
  const current = (isOurs || isStuck) && latest.Status !== "successful" ? latest : undefined
  const cancels =
    latest !== undefined && !isOurs && isActive(latest)
      ? { deployment: latest, words: "Cancelled due to newer version of job" }
      : undefined
  const groups = new Map<string, GroupPlan>()
  for (const group of job.TaskGroups) {
    const own = allocations.filter((each) => each.TaskGroup === group.Name)
    const view = {
      job,
      group,
      allocations: own,
      current,
      old: current === undefined ? latest : undefined,
      evalId: evaluation.ID,
      noRoom: () => noRoom(cluster, job, group),
      now: now()
    }
    const isSystem = job.Type === "system" || job.Type === "sysbatch"
    const plan = () =>
      isSystem
        ? reconcileSystem({ ...view, deploys: cluster.has("systemDeployments") })
        : reconcileGroup(view)
    groups.set(group.Name, group.Count === 0 ? stopAll(own) : plan())
  }
  for (const name of names) {
    if (!groups.has(name)) groups.set(name, stopAll(allocations.filter((each) => each.TaskGroup === name)))
  }
  const all = [...groups.values()]
  // A system job that no node is feasible for has what it wants at once.
  const creates = job.Type === "system" && all.some((each) => each.creates)
  const succeeds =
    (creates || (current !== undefined && isActive(current))) && all.every((each) => each.complete)
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
