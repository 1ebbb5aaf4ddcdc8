import type { Cluster } from "./Cluster.ts"
import type { Deployment } from "./Deployment.ts"
import type { Evaluation } from "./Evaluation.ts"
import type { Job } from "./Job.ts"
import type { Nanos } from "./time.ts"

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

/** What the deployment watcher asks of the scheduler; it names its deployment from birth. */
export const watcherEvaluation = (
  cluster: Cluster,
  { ID, Namespace, JobID, EvalPriority }: Deployment,
  index: number,
  now: Nanos
): Evaluation => {
  const job = cluster.state.job(Namespace, JobID)
  const purged = { Namespace, ID: JobID, Type: "service", Priority: EvalPriority }
  return newEvaluation(cluster, job ?? purged, "deployment-watcher", index, now, { DeploymentID: ID })
}
