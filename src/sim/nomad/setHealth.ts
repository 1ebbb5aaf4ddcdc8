import type { Allocation } from "./Allocation.ts"
import type { Cluster } from "./Cluster.ts"
import type { Deployment } from "./Deployment.ts"
import { watcherEvaluation } from "./newEvaluation.ts"
import { type Failed, putFailed } from "./rollback.ts"

/**
 * Somebody says which allocations of a deployment are healthy and which are not, in one index. One that is not fails
 * the deployment at once, whatever its deadline and the reschedule policy.
 */
export const setHealth = (
  cluster: Cluster,
  deployment: Deployment,
  healthy: ReadonlyArray<Allocation>,
  unhealthy: ReadonlyArray<Allocation>
): Failed => {
  const { state } = cluster
  return state.commit("DeploymentAllocHealth", (index, now) => {
    let groups = deployment.TaskGroups
    const set = (allocation: Allocation, isHealthy: boolean): void => {
      const known = allocation.DeploymentStatus
      const DeploymentStatus = {
        Canary: known?.Canary ?? false,
        Healthy: isHealthy,
        Timestamp: now,
        ModifyIndex: index
      }
      state.putAllocation({ ...allocation, DeploymentStatus, ModifyIndex: index, ModifyTime: now })
      const group = groups[allocation.TaskGroup]
      if (group === undefined || known?.Healthy === isHealthy) return
      const counted = isHealthy
        ? {
            ...group,
            HealthyAllocs: group.HealthyAllocs + 1,
            RequireProgressBy: group.ProgressDeadline > 0 ? now + BigInt(group.ProgressDeadline) : null
          }
        : { ...group, UnhealthyAllocs: group.UnhealthyAllocs + 1 }
      groups = { ...groups, [allocation.TaskGroup]: counted }
    }
    for (const each of healthy) set(each, true)
    for (const each of unhealthy) set(each, false)
    const counted = { ...deployment, TaskGroups: groups, ModifyIndex: index, ModifyTime: now }
    if (unhealthy.length > 0) {
      const rollback = unhealthy.some(({ TaskGroup }) => groups[TaskGroup]?.AutoRevert === true)
      const words = "Failed due to unhealthy allocations"
      return putFailed(cluster, counted, { words, rollback, index, now, saysNone: false })
    }
    state.putDeployment(counted)
    const evaluation = watcherEvaluation(cluster, deployment, index, now)
    state.putEvaluation(evaluation)
    return { evaluation, reverted: null }
  })
}
