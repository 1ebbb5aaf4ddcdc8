import type { Cluster } from "./Cluster.ts"
import { type Deployment, runningWords } from "./Deployment.ts"
import type { Evaluation } from "./Evaluation.ts"
import { watcherEvaluation } from "./newEvaluation.ts"

/** Promotes the canaries of these groups. Answers the evaluation that goes on with the rest. */
export const promote = (
  cluster: Cluster,
  deployment: Deployment,
  groups: ReadonlyArray<string>
): Evaluation => {
  const { state } = cluster
  return state.commit("DeploymentPromotion", (index, at) => {
    const TaskGroups = Object.fromEntries(
      Object.entries(deployment.TaskGroups).map(([name, group]) => [
        name,
        groups.includes(name) && group.DesiredCanaries > 0
          ? {
              ...group,
              Promoted: true,
              RequireProgressBy: group.ProgressDeadline > 0 ? at + BigInt(group.ProgressDeadline) : null
            }
          : group
      ])
    )
    const now = runningWords(TaskGroups)
    state.putDeployment({
      ...deployment,
      TaskGroups,
      // A paused one stays so, and with others left to be promoted it says what it said.
      StatusDescription:
        deployment.Status === "running" && now === "Deployment is running"
          ? now
          : deployment.StatusDescription,
      ModifyIndex: index,
      ModifyTime: at
    })
    for (const allocation of state.allocationsOf(deployment.Namespace, deployment.JobID)) {
      if (allocation.DeploymentID !== deployment.ID || allocation.DeploymentStatus?.Canary !== true) continue
      if (!groups.includes(allocation.TaskGroup)) continue
      state.putAllocation({
        ...allocation,
        DeploymentStatus: { ...allocation.DeploymentStatus, Canary: false, ModifyIndex: index },
        ModifyIndex: index,
        ModifyTime: at
      })
    }
    const made = watcherEvaluation(cluster, deployment, index, at)
    state.putEvaluation(made)
    return made
  })
}
