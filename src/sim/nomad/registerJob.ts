import { Effect } from "effect"
import { type Asked, permissionDenied } from "./Asked.ts"
import { canonicalJob } from "./canonicalJob.ts"
import type { Cluster } from "./Cluster.ts"
import type { Evaluation } from "./Evaluation.ts"
import { isParent, type Job } from "./Job.ts"
import { specChanged } from "./jobChange.ts"
import { isObject, type JsonObject, textOf } from "./Json.ts"
import { missingConsulToken, missingVaultToken } from "./submitterTokens.ts"
import { multiError, refuse, type Refusal } from "./Refusal.ts"
import type { Rights } from "./Rights.ts"
import { withScalingIds } from "./scaling.ts"
import { preserved, sourceOf, storeVersion } from "./storeVersion.ts"
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
  readonly Warnings?: string
}

/** Where evaluations wait for the scheduler, and how an operator has it. */
export interface Broker {
  readonly pause: (paused: boolean) => void
  readonly isPaused: () => boolean
  /** What was set of the scheduler's configuration beside the pause. */
  readonly config: () => JsonObject
  readonly configure: (config: JsonObject) => void
}

/** Parts of the cluster that writes need. */
export interface Writer {
  readonly cluster: Cluster
  readonly enqueue: (evaluation: Evaluation) => void
  readonly registered: (register: Omit<Register, "at">) => void
  readonly broker: Broker
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
  const errors = validateJob(job, cluster.enterprise)
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
  request: Pick<Asked, "who" | "slowLog">
): Effect.Effect<Registered, Refusal> =>
  Effect.gen(function* () {
    const { cluster } = writer
    const { state } = cluster
    // Who nobody knows is refused first; what the others may do is looked at after the job itself.
    const rights = yield* request.who
    yield* refuseWhileRejected(writer, request)
    const { job: admitted, errors } = admit(cluster, given, namespace)
    if (errors.length > 0) return yield* refuse(500, multiError(errors))
    if (!mayRegister(rights, admitted, "register-job")) return yield* permissionDenied
    const enforced = body["EnforceIndex"] === true ? Number(body["JobModifyIndex"] ?? 0) : undefined
    const conflicts = () =>
      enforced === undefined ? undefined : conflict(state.job(namespace, admitted.ID), enforced)
    const stored = state.job(namespace, admitted.ID)
    const refused =
      conflicts() ??
      (stored === undefined ? undefined : refusedTransition(stored, admitted)) ??
      missingConsulToken(cluster, admitted, given["ConsulToken"])
    if (refused !== undefined) return yield* refuse(500, refused)
    const job = withScalingIds(stored, { ...admitted, NomadTokenID: rights.accessor }, cluster.newId)
    const { kept, warnings: Warnings } = sourceOf(body)
    if (stored !== undefined && !specChanged(stored, job)) {
      return { ...evaluateUnchanged(writer, body, stored), Warnings }
    }
    if (request.slowLog !== undefined) yield* Effect.sleep(request.slowLog)
    const now = cluster.has("atomicCas") ? conflicts() : undefined
    if (now !== undefined) return yield* refuse(500, now)
    return { ...storeChanged(writer, body, job, kept), Warnings }
  })

/** An operator may stop all registers and scalings but those of a management token. */
export const refuseWhileRejected = (
  { broker }: Writer,
  { who }: Pick<Asked, "who">
): Effect.Effect<void, Refusal> =>
  Effect.flatMap(who, ({ isManagement }) =>
    isManagement || broker.config()["RejectJobRegistration"] !== true
      ? Effect.void
      : refuse(403, "Job registration, dispatch, and scale are disabled by the scheduler configuration")
  )

/** Submitting, or this capability alone; and every volume that the job mounts. */
export const mayRegister = (rights: Rights, job: Job, capability: string): boolean =>
  rights.allows(job.Namespace, "submit-job", capability) &&
  job.TaskGroups.every((group) =>
    Object.values(isObject(group["Volumes"]) ? group["Volumes"] : {})
      .filter(isObject)
      .every((volume) =>
        volume["Type"] === "csi"
          ? rights.allows(job.Namespace, "csi-mount-volume")
          : rights.mounts(textOf(volume["Source"]), volume["ReadOnly"] === true)
      )
  )

const isParameterized = (job: Job): boolean => job.ParameterizedJob !== null && job["Dispatched"] !== true

/** What a job may not become. */
const refusedTransition = (stored: Job, job: Job): string | undefined => {
  if (stored.Type !== job.Type) return `cannot update job from type "${stored.Type}" to "${job.Type}"`
  for (const [kind, is] of [
    ["periodic", (each: Job) => each.Periodic !== null],
    ["parameterized", isParameterized]
  ] as const) {
    if (is(stored) && !is(job)) return `cannot update ${kind} job to being non-${kind}`
    if (!is(stored) && is(job)) return `cannot update non-${kind} job to being ${kind}`
  }
  return stored["Dispatched"] === true ? "field 'Dispatched' is read-only" : undefined
}

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

const storeChanged = (
  { cluster, enqueue, registered }: Writer,
  body: JsonObject,
  given: Job,
  source: JsonObject | undefined
): Registered => {
  const { state } = cluster
  const { Namespace: namespace, ID } = given
  const job = preserved(cluster, body, given, state.job(namespace, ID))
  const evaluation = storeVersion(cluster, job, "job-register", priorityOf(body, job), source)
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
