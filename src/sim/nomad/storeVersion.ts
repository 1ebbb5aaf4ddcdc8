import type { Cluster } from "./Cluster.ts"
import type { Evaluation } from "./Evaluation.ts"
import { isParent, type Job, jobKey } from "./Job.ts"
import { isObject, type JsonObject, textOf } from "./Json.ts"
import { newEvaluation } from "./newEvaluation.ts"
import { settleScaling } from "./scaling.ts"

/** Bytes of a source with its variables: `job_max_source_size`. */
const largestSource = 1_000_000

/** The source in a register that is to be kept, and what is said of one that is too large for that. */
export const sourceOf = (
  body: JsonObject
): { readonly kept: JsonObject | undefined; readonly warnings: string } => {
  const given = isObject(body["Submission"]) ? body["Submission"] : undefined
  const flags = isObject(given?.["VariableFlags"]) ? Object.entries(given["VariableFlags"]).flat() : []
  const size = [given?.["Source"], given?.["Variables"], ...flags]
    .map((text) => Buffer.byteLength(textOf(text)))
    .reduce((sum, each) => sum + each, 0)
  if (size <= largestSource) return { kept: given, warnings: "" }
  const words = `job source size of ${(size / 1e6).toFixed(1)} MB exceeds maximum of 1.0 MB and will be discarded`
  return { kept: undefined, warnings: `1 warning:\n\n* ${words}` }
}

/** Counts and resources of groups and tasks that are stored already stay, where the register asks for that. */
export const preserved = ({ has }: Cluster, body: JsonObject, job: Job, stored: Job | undefined): Job => {
  const counts = body["PreserveCounts"] === true
  const resources = body["PreserveResources"] === true && has("preserveResources")
  if (!counts && !resources) return job
  return {
    ...job,
    TaskGroups: job.TaskGroups.map((group) => {
      const known = stored?.TaskGroups.find(({ Name }) => Name === group.Name)
      const Tasks = group.Tasks.map((task) => {
        const same = known?.Tasks.find(({ Name }) => Name === task.Name)
        return resources && same !== undefined ? { ...task, Resources: same.Resources } : task
      })
      return { ...group, Tasks, Count: counts && known !== undefined ? known.Count : group.Count }
    })
  }
}

/**
 * Stores a job as its next version, with its evaluation and source, in one index. `job.Version` as posted: at
 * most the stored one means the next, and names the version whose source is inherited; a higher one is taken.
 */
export const storeVersion = (
  cluster: Cluster,
  job: Job,
  trigger: "job-register" | "job-deregister",
  priority: number,
  submission: JsonObject | undefined
): Evaluation | undefined => {
  const { state, has } = cluster
  const key = jobKey(job.Namespace, job.ID)
  const stored = state.jobs.get(key)
  return state.commit(trigger === "job-register" ? "JobRegistered" : "JobDeregistered", (index, now) => {
    const isNext = stored !== undefined && job.Version <= stored.Version
    const version = isNext ? stored.Version + 1 : job.Version
    state.putJob({
      ...settleScaling(state, job, index),
      Version: version,
      CreateIndex: stored?.CreateIndex ?? index,
      ModifyIndex: index,
      JobModifyIndex: index,
      SubmitTime: now,
      Status: stored?.Status ?? "pending"
    })
    const inherited = isNext
      ? state.submissions.get(key)?.find((each) => each.Version === job.Version)
      : undefined
    if (!has("submissions")) {
      // Neither kept nor handed on.
    } else if (submission !== undefined) {
      state.putSubmission(key, {
        Format: submission["Format"] ?? "",
        JobID: job.ID,
        JobModifyIndex: index,
        Namespace: job.Namespace,
        Source: submission["Source"] ?? "",
        VariableFlags: submission["VariableFlags"] ?? null,
        Variables: submission["Variables"] ?? "",
        Version: version
      })
    } else if (inherited !== undefined) {
      state.putSubmission(key, { ...inherited, Version: version, JobModifyIndex: index })
    }
    if (isParent(job)) return undefined
    const evaluation = newEvaluation(cluster, { ...job, Priority: priority }, trigger, index, now, {
      JobModifyIndex: index
    })
    state.putEvaluation(evaluation)
    return evaluation
  })
}
