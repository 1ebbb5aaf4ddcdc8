import { Effect } from "effect"
import { canonicalJob } from "./canonicalJob.ts"
import type { Cluster } from "./Cluster.ts"
import type { Evaluation } from "./Evaluation.ts"
import { isParent, type Job, jobKey } from "./Job.ts"
import { specChanged } from "./jobChange.ts"
import { isObject, type JsonObject } from "./Json.ts"
import { missingConsulToken, missingVaultToken } from "./submitterTokens.ts"
import { multiError, refuse, type Refusal } from "./Refusal.ts"
import { newEvaluation } from "./newEvaluation.ts"
import { validateJob } from "./validateJob.ts"

/** One register as it was taken: a log that tests read. */
export interface Register {
  readonly namespace: string
  readonly job: string
  /** The version that the job has afterwards. */
  readonly version: number
  /** Its `JobModifyIndex` afterwards. */
  readonly index: number
  /** Whether it made a new version. */
  readonly changed: boolean
  /** Milliseconds since 1970. */
  readonly at: number
  readonly body: JsonObject
}

export interface Registered {
  readonly EvalID: string
  readonly EvalCreateIndex: number
  readonly JobModifyIndex: number
  readonly Index: number
}

/** Parts of the cluster that writes need. */
export interface Writer {
  readonly cluster: Cluster
  readonly enqueue: (evaluation: Evaluation) => void
  readonly registered: (register: Omit<Register, "at">) => void
  /** Where evaluations wait for the scheduler. */
  readonly broker: { readonly pause: (paused: boolean) => void; readonly isPaused: () => boolean }
  /** To be called when a deployment's status or deadline was changed. */
  readonly deploymentChanged: (id: string) => void
}

/** The job that a register or a check of one would store, or every word that is said against it. */
export const admit = (
  cluster: Cluster,
  given: JsonObject,
  namespace: string
): { readonly job: Job; readonly errors: ReadonlyArray<string> } => {
  const { state, has } = cluster
  const job = canonicalJob(given, namespace, has)
  const errors = validateJob(job)
  return {
    job,
    errors: [
      ...missingVaultToken(cluster, job, given["VaultToken"]),
      ...errors,
      ...(state.namespaces.has(namespace)
        ? []
        : [`job "${job.ID}" is in nonexistent namespace "${namespace}"`]),
      ...(state.nodePools.has(job.NodePool)
        ? []
        : [`job "${job.ID}" is in nonexistent node pool "${job.NodePool}"`])
    ]
  }
}

/** Words of a failed check-and-set, `undefined` where it holds (`nomad-api.md` §3.2). */
const conflict = (stored: Job | undefined, enforced: number): string | undefined => {
  const words = `Enforcing job modify index ${enforced}: `
  if (stored === undefined) return enforced === 0 ? undefined : `${words}job does not exist`
  if (enforced === 0) return `${words}job already exists`
  return stored.JobModifyIndex === enforced
    ? undefined
    : `${words}job exists with conflicting job modify index: ${stored.JobModifyIndex}`
}

/**
 * `POST /v1/jobs` after its body was found well-formed. Its checks and its entry in the log are one step, unless a
 * slow log lies between them: then check-and-set is looked at again, by servers that do (`atomicCas`).
 */
export const register = (
  writer: Writer,
  body: JsonObject,
  given: JsonObject,
  namespace: string,
  /** Milliseconds that the log takes. */
  slow = 0
): Effect.Effect<Registered, Refusal> =>
  Effect.suspend(() => {
    const { cluster } = writer
    const { state } = cluster
    const { job, errors } = admit(cluster, given, namespace)
    if (errors.length > 0) return refuse(500, multiError(errors))
    const enforced = body["EnforceIndex"] === true ? Number(body["JobModifyIndex"] ?? 0) : undefined
    const conflicts = () =>
      enforced === undefined ? undefined : conflict(state.job(namespace, job.ID), enforced)
    const stored = state.job(namespace, job.ID)
    const words = conflicts()
    if (words !== undefined) return refuse(500, words)
    if (stored !== undefined && stored.Type !== job.Type) {
      return refuse(500, `cannot update job from type "${stored.Type}" to "${job.Type}"`)
    }
    const denied = missingConsulToken(cluster, job, given["ConsulToken"])
    if (denied !== undefined) return refuse(500, denied)
    if (stored !== undefined && !specChanged(stored, job)) {
      return Effect.succeed(evaluateUnchanged(writer, body, stored))
    }
    const apply = Effect.suspend(() => {
      const now = cluster.has("atomicCas") ? conflicts() : undefined
      return now === undefined ? Effect.succeed(storeChanged(writer, body, job)) : refuse(500, now)
    })
    return slow === 0 ? apply : Effect.delay(apply, slow)
  })

const priorityOf = (body: JsonObject, job: Job): number => Number(body["EvalPriority"] ?? 0) || job.Priority

/** A register that changes nothing makes an evaluation, as asking for one does. */
const evaluateUnchanged = (
  { cluster, enqueue, registered }: Writer,
  body: JsonObject,
  stored: Job
): Registered => {
  const { state } = cluster
  const evaluation = state.commit("EvaluationUpdated", (index, now) => {
    const asked = { ...stored, Priority: priorityOf(body, stored) }
    const made = newEvaluation(cluster, asked, "job-register", index, now)
    if (!isParent(stored)) state.putEvaluation(made)
    return made
  })
  const { Namespace: namespace, ID: job, Version: version, JobModifyIndex: index } = stored
  registered({ namespace, job, version, index, changed: false, body })
  if (isParent(stored)) return registeredAs(undefined, stored.ModifyIndex, state.index)
  enqueue(evaluation)
  return registeredAs(evaluation, stored.ModifyIndex, state.index)
}

const storeChanged = ({ cluster, enqueue, registered }: Writer, body: JsonObject, given: Job): Registered => {
  const { state } = cluster
  const { Namespace: namespace, ID } = given
  const stored = state.job(namespace, ID)
  const job = preserved(cluster, body, given, stored)
  const evaluation = storeVersion(cluster, job, "job-register", priorityOf(body, job), submissionOf(body))
  const version = state.job(namespace, ID)?.Version ?? 0
  registered({ namespace, job: ID, version, index: state.index, changed: true, body })
  if (evaluation !== undefined) enqueue(evaluation)
  return registeredAs(evaluation, state.index, state.index)
}

export const registeredAs = (
  evaluation: Evaluation | undefined,
  jobIndex: number,
  index: number
): Registered => ({
  EvalID: evaluation?.ID ?? "",
  EvalCreateIndex: evaluation?.CreateIndex ?? 0,
  JobModifyIndex: jobIndex,
  Index: index
})

const submissionOf = (body: JsonObject): JsonObject | undefined =>
  isObject(body["Submission"]) ? body["Submission"] : undefined

/** Counts and resources of groups and tasks that are stored already stay, where the register asks for that. */
const preserved = ({ has }: Cluster, body: JsonObject, job: Job, stored: Job | undefined): Job => {
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
      ...job,
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
