import { Effect } from "effect"
import { canonicalJob } from "./canonicalJob.ts"
import type { Cluster } from "./Cluster.ts"
import { isActive } from "./Deployment.ts"
import type { Evaluation } from "./Evaluation.ts"
import { isParent, type Job, jobKey } from "./Job.ts"
import { specChanged } from "./jobChange.ts"
import { isObject, type Json, type JsonObject } from "./Json.ts"
import { multiError, refuse, type Refusal } from "./Refusal.ts"
import { newEvaluation } from "./schedule.ts"
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
  /** To be called when a deployment's status or deadline was changed. */
  readonly deploymentChanged: (id: string) => void
}

/** The job that a register or a check of one would store, or every word that is said against it. */
export const admit = (
  { state }: Cluster,
  given: JsonObject,
  namespace: string
): { readonly job: Job; readonly errors: ReadonlyArray<string> } => {
  const job = canonicalJob(given, namespace)
  const errors = validateJob(job)
  return {
    job,
    errors: [
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

/** `POST /v1/jobs` after its body was found well-formed. Check and write are one step: nothing comes between. */
export const register = (
  { cluster, enqueue, registered }: Writer,
  body: JsonObject,
  given: JsonObject,
  namespace: string
): Effect.Effect<Registered, Refusal> =>
  Effect.suspend(() => {
    const { state } = cluster
    const { job, errors } = admit(cluster, given, namespace)
    if (errors.length > 0) return refuse(500, multiError(errors))
    const stored = state.job(namespace, job.ID)
    const words =
      body["EnforceIndex"] === true ? conflict(stored, Number(body["JobModifyIndex"] ?? 0)) : undefined
    if (words !== undefined) return refuse(500, words)
    if (stored !== undefined && stored.Type !== job.Type) {
      return refuse(500, `cannot update job from type "${stored.Type}" to "${job.Type}"`)
    }
    const priority = Number(body["EvalPriority"] ?? 0) || job.Priority
    const changed = stored === undefined || specChanged(stored, job)
    if (!changed) {
      const evaluation = state.commit((index, now) => {
        const made = newEvaluation(cluster, { ...stored, Priority: priority }, "job-register", index, now)
        if (!isParent(stored)) state.putEvaluation(made)
        return made
      })
      registered({
        namespace,
        job: job.ID,
        version: stored.Version,
        index: stored.JobModifyIndex,
        changed,
        body
      })
      if (isParent(stored)) return Effect.succeed(answer(undefined, stored.ModifyIndex, state.index))
      enqueue(evaluation)
      return Effect.succeed(answer(evaluation, stored.ModifyIndex, state.index))
    }
    const preserved = body["PreserveCounts"] === true ? withCounts(job, stored) : job
    const evaluation = storeVersion(cluster, preserved, "job-register", priority, submissionOf(body))
    const version = state.job(namespace, job.ID)?.Version ?? 0
    registered({ namespace, job: job.ID, version, index: state.index, changed, body })
    if (evaluation !== undefined) enqueue(evaluation)
    return Effect.succeed(answer(evaluation, state.index, state.index))
  })

const answer = (evaluation: Evaluation | undefined, jobIndex: number, index: number): Registered => ({
  EvalID: evaluation?.ID ?? "",
  EvalCreateIndex: evaluation?.CreateIndex ?? 0,
  JobModifyIndex: jobIndex,
  Index: index
})

const submissionOf = (body: JsonObject): JsonObject | undefined =>
  isObject(body["Submission"]) ? body["Submission"] : undefined

const withCounts = (job: Job, stored: Job | undefined): Job => ({
  ...job,
  TaskGroups: job.TaskGroups.map((group) => ({
    ...group,
    Count: stored?.TaskGroups.find((each) => each.Name === group.Name)?.Count ?? group.Count
  }))
})

/**
 * Stores a job as its next version, with its evaluation and source, in one index. `job.Version` as posted: at
 * most the stored one means the next, and names the version whose source is inherited; a higher one is taken.
 */
const storeVersion = (
  cluster: Cluster,
  job: Job,
  trigger: "job-register" | "job-deregister",
  priority: number,
  submission: JsonObject | undefined
): Evaluation | undefined => {
  const { state } = cluster
  const key = jobKey(job.Namespace, job.ID)
  const stored = state.jobs.get(key)
  return state.commit((index, now) => {
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
    if (submission !== undefined) {
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

/** `POST /v1/job/:id/revert`. */
export const revert = (
  writer: Writer,
  namespace: string,
  id: string,
  version: number,
  enforced: number | null
): Effect.Effect<Registered, Refusal> =>
  Effect.suspend(() => {
    const { cluster, enqueue } = writer
    const { state } = cluster
    const stored = state.job(namespace, id)
    if (stored === undefined) return refuse(500, `job "${id}" not found`)
    if (stored.Version === version) return refuse(500, "can't revert to current version")
    const target = state.versionsOf(namespace, id).find((each) => each.Version === version)
    if (target === undefined) {
      return refuse(500, `job "${id}" in namespace "${namespace}" at version ${version} not found`)
    }
    if (enforced !== null && enforced !== stored.Version) {
      return refuse(500, `Current job has version ${stored.Version}; enforcing version ${enforced}`)
    }
    const next = { ...target, VersionTag: null, Stable: false }
    if (!specChanged(stored, next)) {
      const evaluation = state.commit((index, now) => {
        const made = newEvaluation(cluster, stored, "job-register", index, now)
        state.putEvaluation(made)
        return made
      })
      enqueue(evaluation)
      return Effect.succeed(answer(evaluation, stored.ModifyIndex, state.index))
    }
    const evaluation = storeVersion(cluster, next, "job-register", stored.Priority, undefined)
    if (evaluation !== undefined) enqueue(evaluation)
    return Effect.succeed(answer(evaluation, state.index, state.index))
  })

/** `DELETE /v1/job/:id`. A job that is not there is no error. */
export const stop = (
  { cluster, enqueue }: Writer,
  namespace: string,
  id: string,
  purge: boolean
): Effect.Effect<Registered> =>
  Effect.sync(() => {
    const { state } = cluster
    const stored = state.job(namespace, id)
    if (stored === undefined) return { EvalID: "", EvalCreateIndex: 0, JobModifyIndex: 0, Index: 0 }
    if (!purge) {
      const groups = stored.TaskGroups.map((group) =>
        isObject(group["Scaling"]) ? { ...group, Scaling: { ...group["Scaling"], Enabled: false } } : group
      )
      const stopped = { ...stored, Stop: true, TaskGroups: groups }
      const evaluation = storeVersion(cluster, stopped, "job-deregister", stored.Priority, undefined)
      if (evaluation !== undefined) enqueue(evaluation)
      return answer(evaluation, state.index, state.index)
    }
    const evaluation = state.commit((index, now) => {
      state.purge(namespace, id)
      if (isParent(stored)) return undefined
      const made = newEvaluation(cluster, stored, "job-deregister", index, now, { JobModifyIndex: index })
      state.putEvaluation(made)
      return made
    })
    if (evaluation !== undefined) enqueue(evaluation)
    return answer(evaluation, state.index, state.index)
  })

/** `POST /v1/job/:id/scale`: three indexes, and the version keeps its stability (`nomad-api.md` §3.1, §5.4). */
export const scale = (
  { cluster, enqueue }: Writer,
  namespace: string,
  id: string,
  group: string,
  count: Json | undefined
): Effect.Effect<Registered, Refusal> =>
  Effect.suspend(() => {
    const { state } = cluster
    const stored = state.job(namespace, id)
    if (stored === undefined) return refuse(404, `job "${id}" not found`)
    if (!stored.TaskGroups.some((each) => each.Name === group)) {
      return refuse(400, `task group "${group}" specified for scaling does not exist in job`)
    }
    if (typeof count !== "number") return refuse(400, "scaling action must include a count")
    const latest = state.latestDeployment(namespace, id)
    if (latest !== undefined && isActive(latest)) {
      return refuse(400, "job scaling blocked due to active deployment")
    }
    const key = jobKey(namespace, id)
    const source = state.submissions.get(key)?.find((each) => each.Version === stored.Version)
    const jobIndex = state.commit((index, now) => {
      const Version = stored.Version + 1
      state.putJob({
        ...stored,
        TaskGroups: stored.TaskGroups.map((each) => (each.Name === group ? { ...each, Count: count } : each)),
        Version,
        ModifyIndex: index,
        JobModifyIndex: index,
        SubmitTime: now
      })
      if (source !== undefined) state.putSubmission(key, { ...source, Version, JobModifyIndex: index })
      return index
    })
    const evaluation = state.commit((index, now) => {
      const made = newEvaluation(cluster, stored, "job-scaling", index, now, { JobModifyIndex: jobIndex })
      state.putEvaluation(made)
      return made
    })
    state.commit(() => undefined)
    enqueue(evaluation)
    return Effect.succeed(answer(evaluation, jobIndex, state.index))
  })

/** `POST|DELETE /v1/job/:id/versions/:tag/tag`; `version` is `undefined` to take the tag away. */
export const tag = (
  { cluster }: Writer,
  namespace: string,
  id: string,
  name: string,
  version: number | "latest" | undefined,
  description: string
): Effect.Effect<JsonObject, Refusal> =>
  Effect.suspend((): Effect.Effect<JsonObject, Refusal> => {
    const { state } = cluster
    const stored = state.job(namespace, id)
    if (stored === undefined) return refuse(500, `job "${id}" version ${String(version ?? 0)} not found`)
    const versions = state.versionsOf(namespace, id)
    const holder = versions.find((each) => each.VersionTag?.["Name"] === name)
    if (version === undefined) {
      if (holder === undefined) return refuse(500, `tag "${name}" not found on job "${id}"`)
      state.commit(() =>
        state.changeVersion(namespace, id, holder.Version, (each) => ({ ...each, VersionTag: null }))
      )
      return Effect.succeed({ Name: "", Description: "", TaggedTime: 0, Index: state.index })
    }
    const wanted = version === "latest" ? stored.Version : version
    if (holder !== undefined && holder.Version !== wanted) {
      return refuse(500, `tag "${name}" already exists on a different version of job "${id}"`)
    }
    if (!versions.some((each) => each.Version === wanted)) {
      return refuse(500, `job "${id}" version ${wanted} not found`)
    }
    const made = state.commit((_, now) => {
      const VersionTag = { Name: name, Description: description, TaggedTime: now }
      state.changeVersion(namespace, id, wanted, (each) => ({ ...each, VersionTag }))
      return VersionTag
    })
    return Effect.succeed({ ...made, Index: state.index })
  })
