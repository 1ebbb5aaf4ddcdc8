import { type Allocation, isTerminal } from "./Allocation.ts"
import type { Cluster } from "./Cluster.ts"
import { type Deployment, type DeploymentGroup, isActive } from "./Deployment.ts"
import type { Evaluation } from "./Evaluation.ts"
import { promote } from "./promote.ts"
import { rescheduleAt } from "./reschedule.ts"
import { failDeployment } from "./rollback.ts"
import { newEvaluation, watcherEvaluation } from "./newEvaluation.ts"
import { type Nanos, toMillis } from "./time.ts"

/**
 * The deployment watcher of the leader: counts health, asks the scheduler to go on, allows replacements,
 * and fails a deployment by its first hopeless allocation or by its progress deadline.
 */
export const makeWatcher = (cluster: Cluster, enqueue: (evaluation: Evaluation) => void) => {
  const { state, timings, after, now } = cluster
  const asked = new Set<string>()
  const deadlines = new Map<string, Nanos>()

  /** Inside the commit of a client's update: the deployment's counters move with the allocations' health. */
  const count = (before: ReadonlyArray<Allocation>, updated: ReadonlyArray<Allocation>): void => {
    for (const [at, next] of updated.entries()) {
      const healthy = next.DeploymentStatus?.Healthy ?? null
      if (healthy === null || before[at]?.DeploymentStatus?.Healthy === healthy) continue
      const deployment = state.deployments.get(next.DeploymentID)
      const group = deployment?.TaskGroups[next.TaskGroup]
      if (deployment === undefined || group === undefined) continue
      const counted = healthy
        ? { ...group, HealthyAllocs: group.HealthyAllocs + 1, RequireProgressBy: moved(group, next) }
        : { ...group, UnhealthyAllocs: group.UnhealthyAllocs + 1 }
      state.putDeployment({
        ...deployment,
        TaskGroups: { ...deployment.TaskGroups, [next.TaskGroup]: counted },
        ModifyIndex: state.index,
        ModifyTime: now()
      })
      if (healthy) advance(deployment.ID)
      else after(timings.verdict, () => judge(next.ID))
      deploymentChanged(deployment.ID)
    }
    for (const next of updated) if (next.ClientStatus === "failed") retry(next)
  }

  /** One more evaluation, after the watcher's pause; several changes within it share one. */
  const advance = (id: string): void => {
    if (asked.has(id)) return
    asked.add(id)
    after(timings.watcher, () => {
      asked.delete(id)
      const deployment = state.deployments.get(id)
      if (deployment === undefined || !isActive(deployment)) return
      if (promotesItself(deployment))
        enqueue(promote(cluster, deployment, Object.keys(deployment.TaskGroups)))
      else evaluate(deployment)
    })
  }

  const evaluate = (deployment: Deployment, write: (index: number) => void = () => undefined): void => {
    const evaluation = state.commit("AllocationUpdateDesiredStatus", (index, at) => {
      write(index)
      const made = watcherEvaluation(cluster, deployment, index, at)
      state.putEvaluation(made)
      return made
    })
    enqueue(evaluation)
  }

  /** An unhealthy allocation: the deployment fails now, or a replacement is allowed until its deadline. */
  const judge = (allocationId: string): void => {
    const allocation = state.allocations.get(allocationId)
    const deployment = state.deployments.get(allocation?.DeploymentID ?? "")
    const group = allocation === undefined ? undefined : deployment?.TaskGroups[allocation.TaskGroup]
    if (allocation === undefined || deployment === undefined || group === undefined || !isActive(deployment))
      return
    const hopeless = group.ProgressDeadline === 0 || !canRetry(allocation)
    if (hopeless) {
      return enqueue(
        failDeployment(cluster, deployment, "Failed due to unhealthy allocations", group.AutoRevert)
          .evaluation
      )
    }
    after(timings.batching, () => {
      const latest = state.allocations.get(allocationId)
      if (latest === undefined || latest.mayReschedule) return
      evaluate(deployment, (index) =>
        state.putAllocation({ ...latest, mayReschedule: true, ModifyIndex: index, ModifyTime: now() })
      )
    })
  }

  /** An allocation that failed outside of a deployment, or after it, gets a look of the scheduler. */
  const retry = (allocation: Allocation): void => {
    const deployment = state.deployments.get(allocation.DeploymentID)
    if (deployment !== undefined && isActive(deployment)) return
    if (rescheduleAt(allocation) === undefined || allocation.FollowupEvalID !== "") return
    const evaluation = newEvaluation(cluster, allocation.Job, "alloc-failure", state.index, now())
    state.putEvaluation(evaluation)
    after(0, () => enqueue(evaluation))
  }

  /** Whether its progress deadline counts: before 2.0.1 that of a paused one did. */
  const runsOut = (deployment: Deployment): boolean =>
    deployment.Status === "running" || (isActive(deployment) && !cluster.has("pauseMovesDeadline"))

  /** Sets the timer of the earliest progress deadline that is still to come. */
  const deploymentChanged = (id: string): void => {
    const deployment = state.deployments.get(id)
    if (deployment === undefined || !runsOut(deployment)) return void deadlines.delete(id)
    const next = Object.values(deployment.TaskGroups)
      .filter((group) => !isDone(group))
      .reduce<Nanos | null>(
        (earliest, { RequireProgressBy: by }) =>
          by !== null && (earliest === null || by < earliest) ? by : earliest,
        null
      )
    if (next === null || deadlines.get(id) === next) return
    deadlines.set(id, next)
    after(toMillis(next - now()), () => {
      const latest = state.deployments.get(id)
      if (deadlines.get(id) !== next || latest === undefined || !runsOut(latest)) return
      const late = Object.values(latest.TaskGroups).filter((group) => !isDone(group))
      if (late.length === 0) return
      const reverts = late.some((group) => group.AutoRevert)
      enqueue(failDeployment(cluster, latest, "Failed due to progress deadline", reverts).evaluation)
    })
  }

  return { count, deploymentChanged }
}

/** Enough of the group is healthy: of its canaries while they wait for promotion, of all of it otherwise. */
const isDone = (group: DeploymentGroup): boolean =>
  group.DesiredCanaries > 0 && !group.Promoted
    ? group.HealthyAllocs >= group.DesiredCanaries
    : group.HealthyAllocs >= group.DesiredTotal

const moved = (group: DeploymentGroup, { DeploymentStatus }: Allocation): Nanos | null => {
  const at = DeploymentStatus?.Timestamp ?? null
  if (at === null || group.ProgressDeadline === 0) return group.RequireProgressBy
  const next = at + BigInt(group.ProgressDeadline)
  return group.RequireProgressBy === null || next > group.RequireProgressBy ? next : group.RequireProgressBy
}

/** A policy with a try left counts even before the client has told that the allocation failed. */
const canRetry = (allocation: Allocation): boolean =>
  rescheduleAt(isTerminal(allocation) ? allocation : { ...allocation, ClientStatus: "failed" }) !== undefined

const promotesItself = ({ TaskGroups }: Deployment): boolean => {
  const waiting = Object.values(TaskGroups).filter((group) => group.DesiredCanaries > 0 && !group.Promoted)
  return (
    waiting.length > 0 &&
    waiting.every((group) => group.AutoPromote && group.HealthyAllocs >= group.DesiredCanaries)
  )
}
