import { Effect } from "effect"
import { type Asked, may } from "./Asked.ts"
import { launch, launchPeriodic } from "./children.ts"
import { type Answer, bodyOf, metadata, namespaceOf, writeAnswer } from "./Http.ts"
import { asList, isParent, type Job } from "./Job.ts"
import { isObject, textOf } from "./Json.ts"
import { newEvaluation } from "./newEvaluation.ts"
import { refuse, type Refusal } from "./Refusal.ts"
import { refuseWhileRejected, type Writer } from "./registerJob.ts"

type Answering = Effect.Effect<Answer, Refusal>

/** `POST /v1/job/:id/evaluate`: one more look of the scheduler. */
export const evaluateRoute = (writer: Writer, request: Asked, id: string): Answering =>
  Effect.gen(function* () {
    const { cluster } = writer
    const body = request.body === "" ? { JobID: id } : yield* bodyOf(request)
    if (!body["JobID"]) return yield* refuse(400, "Job ID must be specified")
    if (body["JobID"] !== id) return yield* refuse(400, "JobID not same as job name in request")
    const namespace = namespaceOf(request.query)
    yield* may(request, namespace, "submit-job", "evaluate-job")
    const job = cluster.state.job(namespace, id)
    if (job === undefined) return yield* refuse(500, "job not found")
    if (isParent(job)) {
      return yield* refuse(500, `can't evaluate ${job.Periodic === null ? "parameterized" : "periodic"} job`)
    }
    const evaluation = cluster.state.commit("EvaluationUpdated", (index, now) => {
      const made = newEvaluation(cluster, job, "job-register", index, now, {
        JobModifyIndex: job.ModifyIndex
      })
      cluster.state.putEvaluation(made)
      return made
    })
    writer.enqueue(evaluation)
    const { ID: EvalID, CreateIndex: EvalCreateIndex } = evaluation
    const registered = { EvalID, EvalCreateIndex, JobModifyIndex: job.ModifyIndex, Index: EvalCreateIndex }
    return writeAnswer(EvalCreateIndex, { ...registered, ...metadata, Warnings: "" })
  })

/** `POST /v1/job/:id/periodic/force`: launches a periodic job before its time. */
export const forceRoute = (writer: Writer, request: Asked, id: string): Answering =>
  Effect.gen(function* () {
    const namespace = namespaceOf(request.query)
    yield* may(request, namespace, "dispatch-job", "submit-job", "force-periodic-job")
    const job = writer.cluster.state.job(namespace, id)
    if (job === undefined) return yield* refuse(500, "job not found")
    if (job.Periodic === null) return yield* refuse(500, "can't force launch non-periodic job")
    const evaluation = launchPeriodic(writer.cluster, job)
    writer.enqueue(evaluation)
    const { ID: EvalID, CreateIndex } = evaluation
    return writeAnswer(CreateIndex, { EvalID, EvalCreateIndex: CreateIndex, Index: CreateIndex })
  })

/** Largest payload of a dispatch: 16 KiB. */
const largestPayload = 16 * 1024

/** `POST /v1/job/:id/dispatch`: makes a child of a parameterized job. */
export const dispatchRoute = (writer: Writer, request: Asked, id: string): Answering =>
  Effect.gen(function* () {
    const { cluster } = writer
    const body = yield* bodyOf(request)
    if (textOf(body["JobID"], id) !== id) return yield* refuse(400, "Job ID does not match")
    const namespace = namespaceOf(request.query)
    yield* may(request, namespace, "dispatch-job")
    yield* refuseWhileRejected(writer, request)
    const parent = cluster.state.job(namespace, id)
    if (parent === undefined) return yield* refuse(500, "parameterized job not found")
    if (parent.ParameterizedJob === null || parent["Dispatched"] === true) {
      return yield* refuse(500, `Specified job "${id}" is not a parameterized job`)
    }
    if (parent.Stop) return yield* refuse(500, `Specified job "${id}" is stopped`)
    const meta = isObject(body["Meta"]) ? body["Meta"] : {}
    const payload = textOf(body["Payload"])
    const wrong = wrongDispatch(parent, Object.keys(meta), Buffer.from(payload, "base64").length)
    if (wrong !== undefined) return yield* refuse(500, wrong)
    const child = `${id}/dispatch-${cluster.now() / 1_000_000_000n}-${cluster.newId().slice(0, 8)}`
    const evaluation = launch(cluster, parent, child, "job-register", {
      Dispatched: true,
      Meta: { ...parent.Meta, ...meta },
      Payload: payload === "" ? null : payload
    })
    writer.enqueue(evaluation)
    const { ID: EvalID, CreateIndex } = evaluation
    const at = { EvalCreateIndex: CreateIndex, JobCreateIndex: CreateIndex, Index: CreateIndex }
    return writeAnswer(CreateIndex, { DispatchedJobID: child, EvalID, ...at })
  })

/** What the parent's rules have against a dispatch with these keys and that many bytes. */
const wrongDispatch = (
  { ParameterizedJob: rules }: Job,
  keys: ReadonlyArray<string>,
  bytes: number
): string | undefined => {
  const payload = textOf(rules?.["Payload"], "optional")
  if (payload === "required" && bytes === 0)
    return "Payload is not provided but required by parameterized job"
  if (payload === "forbidden" && bytes > 0) return "Payload provided but forbidden by parameterized job"
  if (bytes > largestPayload) return `Payload exceeds maximum size; ${bytes} > ${largestPayload}`
  const required = asList(rules?.["MetaRequired"]).map(String)
  const missing = required.filter((key) => !keys.includes(key))
  const known = [...required, ...asList(rules?.["MetaOptional"]).map(String)]
  const foreign = keys.filter((key) => !known.includes(key))
  if (foreign.length > 0) return `Dispatch request included unpermitted metadata keys: [${foreign.join(" ")}]`
  return missing.length > 0
    ? `Dispatch did not provide required meta keys: [${missing.join(" ")}]`
    : undefined
}
