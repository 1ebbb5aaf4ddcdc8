import type { Cluster } from "./Cluster.ts"
import type { Deployment } from "./Deployment.ts"
import type { Evaluation } from "./Evaluation.ts"
import { jobKey } from "./Job.ts"
import { specChanged } from "./jobChange.ts"
import { watcherEvaluation } from "./newEvaluation.ts"
import type { Nanos } from "./time.ts"

/** What a failed deployment left behind. */
export interface Failed {
  readonly evaluation: Evaluation
  /** The stable version that the job was rolled back to. */
  readonly reverted: number | null
}

/**
 * Fails a deployment, and where asked rolls the job back to its newest stable version in the same index
 * (`nomad-api.md` §5.4): a copy with a new version, stable at once, whatever the job has become meanwhile.
 */
export const failDeployment = (
  cluster: Cluster,
  deployment: Deployment,
  words: string,
  rollback: boolean
): Failed =>
  cluster.state.commit("DeploymentStatusUpdate", (index, now) =>
    putFailed(cluster, deployment, { words, rollback, index, now })
  )

/** The same within a commit. `saysNone`: whether its words tell that there is no stable version. */
export const putFailed = (
  cluster: Cluster,
  deployment: Deployment,
  how: {
    readonly words: string
    readonly rollback: boolean
    readonly index: number
    readonly now: Nanos
    readonly saysNone?: boolean
  }
): Failed => {
  const { state } = cluster
  const { Namespace, JobID } = deployment
  const { words, rollback, index, now, saysNone = true } = how
  const job = state.job(Namespace, JobID)
  const stable = rollback ? state.versionsOf(Namespace, JobID).find((each) => each.Stable) : undefined
  const reverts = stable !== undefined && job !== undefined && specChanged(job, stable)
  const none = saysNone ? " - no stable job version to auto revert to" : ""
  const suffix = !rollback
    ? ""
    : stable === undefined
      ? none
      : reverts
        ? ` - rolling back to job version ${stable.Version}`
        : ` - not rolling back to stable job version ${stable.Version} as current job has same specification`
  if (reverts) {
    const version = job.Version + 1
    const key = jobKey(Namespace, JobID)
    state.putJob({
      ...stable,
      Version: version,
      Status: job.Status,
      CreateIndex: job.CreateIndex,
      ModifyIndex: index,
      JobModifyIndex: index
    })
    const source = state.submissions.get(key)?.find((each) => each.Version === stable.Version)
    if (source !== undefined) {
      state.putSubmission(key, { ...source, Version: version, JobModifyIndex: index })
    }
  }
  const evaluation = watcherEvaluation(cluster, deployment, index, now)
  state.putDeployment({
    ...deployment,
    Status: "failed",
    StatusDescription: `${words}${suffix}`,
    ModifyIndex: index,
    ModifyTime: now
  })
  state.putEvaluation(evaluation)
  return { evaluation, reverted: reverts ? stable.Version : null }
}
