import { Effect } from "effect"
import { allocationStub } from "./Allocation.ts"
import type { Cluster } from "./Cluster.ts"
import { deploymentJson } from "./Deployment.ts"
import { evaluationJson } from "./Evaluation.ts"
import {
  type Answer,
  type ApiRequest,
  bodyOf,
  invalidMethod,
  kindOf,
  metadata,
  namespaceOf,
  type Read,
  read,
  writeAnswer
} from "./Http.ts"
import { type Job, jobKey } from "./Job.ts"
import { jobDiff } from "./jobDiff.ts"
import { boolean, jobList, jobStatuses, jobSummary, pageSize } from "./jobViews.ts"
import { isObject, type Json, type JsonObject, textOf } from "./Json.ts"
import { multiError, refuse, type Refusal } from "./Refusal.ts"
import { admit, register, type Registered, type Writer } from "./registerJob.ts"
import { planRoute } from "./planRoute.ts"
import { revert, scale, stop, tag } from "./writeJobs.ts"

type Answering = Effect.Effect<Answer, Refusal>

const isWrite = (method: string): boolean => method === "POST" || method === "PUT"

/** `/v1/jobs` and what lies under it; `undefined` for a path that Nomad does not have. */
export const jobsRoute = (writer: Writer, request: ApiRequest): Answering | undefined => {
  const { cluster } = writer
  const { method, path, query } = request
  if (path === "/v1/jobs") {
    if (isWrite(method)) return registerRoute(writer, request, undefined)
    if (method !== "GET") return invalidMethod
    return Effect.gen(function* () {
      if (query.get("filter")) return yield* notSimulated("filter expressions")
      const perPage = yield* pageSize(query)
      const meta = yield* boolean(query, "meta")
      return yield* read(cluster, query, () => jobList(cluster, query, namespaceOf(query), perPage, meta))
    })
  }
  if (path === "/v1/jobs/statuses" && cluster.has("statuses")) {
    if (method !== "GET" && !isWrite(method)) return invalidMethod
    return Effect.gen(function* () {
      if (query.get("filter")) return yield* notSimulated("filter expressions")
      const body = request.body === "" ? {} : yield* bodyOf(request)
      const wanted = body["Jobs"]
      if (Array.isArray(wanted) && wanted.length === 0) return yield* refuse(400, "no jobs in request")
      const perPage = yield* pageSize(query)
      const from = query.get("next_token") ?? ""
      const list = Array.isArray(wanted) ? (wanted as ReadonlyArray<Json>) : undefined
      return yield* read(cluster, query, () => jobStatuses(cluster, namespaceOf(query), list, perPage, from))
    })
  }
  if (path === "/v1/validate/job") {
    if (!isWrite(method)) return invalidMethod
    return Effect.gen(function* () {
      const body = yield* bodyOf(request)
      const job = body["Job"]
      if (!isObject(job)) return yield* refuse(400, "Job must be specified")
      const { errors } = admit(cluster, job, textOf(job["Namespace"], "default"))
      return writeAnswer(0, {
        DriverConfigValidated: true,
        Error: errors.length === 0 ? "" : multiError(errors),
        ValidationErrors: errors.length === 0 ? null : errors,
        Warnings: ""
      })
    })
  }
  return undefined
}

/** A part of Nomad that is not simulated yet says so, instead of answering something else. */
export const notSimulated = (what: string) => refuse(501, `the simulator does not know ${what} yet`)

/** `/v1/job/:id` and what lies under it: the suffix of the decoded path decides, as in Nomad. */
export const jobRoute = (writer: Writer, request: ApiRequest): Answering => {
  const { cluster } = writer
  const { method, query } = request
  const rest = request.path.slice("/v1/job/".length)
  const namespace = namespaceOf(query)
  const under = (suffix: string): string | undefined =>
    rest.endsWith(`/${suffix}`) ? rest.slice(0, -suffix.length - 1) : undefined
  const get = (look: () => Read): Answering => (method === "GET" ? read(cluster, query, look) : invalidMethod)

  const reads: ReadonlyArray<readonly [suffix: string, look: (id: string) => Read]> = [
    ["allocations", (id) => allocationsOf(cluster, namespace, id)],
    ["evaluations", (id) => evaluationsOf(cluster, namespace, id)],
    ["deployments", (id) => deploymentsOf(cluster, namespace, id)],
    ["deployment", (id) => deploymentOf(cluster, namespace, id)],
    ["summary", (id) => summaryOf(cluster, namespace, id)]
  ]
  for (const [suffix, look] of reads) {
    const id = under(suffix)
    if (id !== undefined) return get(() => look(id))
  }
  const versions = under("versions")
  if (versions !== undefined) {
    if (query.get("diff_tag") || query.get("diff_version")) return notSimulated("diffs to one version")
    if (method !== "GET") return invalidMethod
    return Effect.flatMap(boolean(query, "diffs"), (diffs) =>
      read(cluster, query, () => versionsOf(cluster, namespace, versions, diffs))
    )
  }
  // Before it was there the suffix was part of an id, as any other.
  const submission = cluster.has("submissions") ? under("submission") : undefined
  if (submission !== undefined) {
    const version = query.get("version") ?? ""
    if (method !== "GET") return invalidMethod
    if (!/^\d+$/.test(version)) return refuse(400, "Unable to parse job submission version parameter")
    return get(() => submissionOf(cluster, namespace, submission, Number(version)))
  }
  for (const suffix of [
    "evaluate",
    "services",
    "stable",
    "dispatch",
    "actions",
    "action",
    "periodic/force"
  ]) {
    if (under(suffix) !== undefined) return notSimulated(`/v1/job/:id/${suffix}`)
  }
  const planned = under("plan")
  if (planned !== undefined) return isWrite(method) ? planRoute(writer, request, planned) : invalidMethod
  const reverted = under("revert")
  if (reverted !== undefined) return isWrite(method) ? revertRoute(writer, request, reverted) : invalidMethod
  const scaled = under("scale")
  if (scaled !== undefined) {
    return isWrite(method) ? scaleRoute(writer, request, scaled) : notSimulated("GET /v1/job/:id/scale")
  }
  if (cluster.has("versionTags") && under("tag") !== undefined) return tagRoute(writer, request, rest)
  switch (method) {
    case "GET":
      return read(cluster, query, () => jobOf(cluster, namespace, rest))
    case "POST":
    case "PUT":
      return registerRoute(writer, request, rest)
    case "DELETE":
      return Effect.gen(function* () {
        const purge = yield* boolean(query, "purge")
        const stopped = yield* stop(writer, namespace, rest, purge)
        const volumes = { VolumeEvalID: "", VolumeEvalIndex: 0 }
        return writeAnswer(stopped.Index, { ...stopped, ...metadata, ...volumes })
      })
    default:
      return invalidMethod
  }
}

const registeredAnswer = (registered: Registered): Answer =>
  writeAnswer(registered.Index, { ...registered, ...metadata, Warnings: "" })

const registerRoute = (writer: Writer, request: ApiRequest, id: string | undefined): Answering =>
  Effect.gen(function* () {
    const body = yield* bodyOf(request)
    const job = body["Job"]
    if (!isObject(job)) return yield* refuse(400, "Job must be specified")
    yield* checkTypes(job)
    if (!job["ID"]) return yield* refuse(400, "Job ID hasn't been provided")
    if (id !== undefined && job["ID"] !== id) return yield* refuse(400, "Job ID does not match name")
    const priority = Number(body["EvalPriority"] ?? 0)
    if (priority < 0 || priority > 100) {
      return yield* refuse(400, "Eval priority must be between 1 and 100 inclusively")
    }
    const own = textOf(body["Namespace"], textOf(job["Namespace"], "default"))
    const namespace = request.query.get("namespace") || own
    return registeredAnswer(yield* register(writer, body, job, namespace, request.slowLog))
  })

const jobTypes: Readonly<Record<string, string>> = {
  ID: "string",
  Name: "string",
  Namespace: "string",
  Region: "string",
  Type: "string",
  Priority: "number",
  Stop: "boolean",
  Datacenters: "array",
  TaskGroups: "array"
}
const goTypes: Readonly<Record<string, string>> = {
  string: "string",
  number: "int",
  boolean: "bool",
  array: "[]"
}

/** A field of the wrong JSON type is a 400 in the words of Go's decoder. */
const checkTypes = (job: JsonObject): Effect.Effect<void, Refusal> => {
  for (const [key, wanted] of Object.entries(jobTypes)) {
    const value = job[key]
    if (value === undefined || value === null) continue
    const kind = Array.isArray(value) ? "array" : typeof value
    if (kind === wanted) continue
    const words = `json: cannot unmarshal ${kindOf(value)} into Go struct field Job.Job.${key} of type ${goTypes[wanted]}`
    return refuse(400, words)
  }
  return Effect.void
}

const revertRoute = (writer: Writer, request: ApiRequest, id: string): Answering =>
  Effect.gen(function* () {
    const body = yield* bodyOf(request)
    if (!body["JobID"]) return yield* refuse(400, "JobID must be specified")
    if (body["JobID"] !== id) return yield* refuse(400, "Job ID does not match")
    const enforced = typeof body["EnforcePriorVersion"] === "number" ? body["EnforcePriorVersion"] : null
    const version = Number(body["JobVersion"] ?? 0)
    const tokens = { vault: body["VaultToken"], consul: body["ConsulToken"] }
    return registeredAnswer(yield* revert(writer, namespaceOf(request.query), id, version, enforced, tokens))
  })

const scaleRoute = (writer: Writer, request: ApiRequest, id: string): Answering =>
  Effect.gen(function* () {
    const body = yield* bodyOf(request)
    const target = isObject(body["Target"]) ? body["Target"] : {}
    const group = textOf(target["Group"])
    const scaled = yield* scale(writer, namespaceOf(request.query), id, group, body["Count"])
    return writeAnswer(scaled.Index, { ...scaled, ...metadata, KnownLeader: true, Warnings: "" })
  })

const tagRoute = (writer: Writer, request: ApiRequest, rest: string): Answering =>
  Effect.gen(function* () {
    const parts = rest.split("/")
    const [id, versions, name] = parts
    if (parts.length !== 4 || id === undefined || versions !== "versions" || name === undefined) {
      return yield* refuse(404, "invalid job tag endpoint")
    }
    const namespace = namespaceOf(request.query)
    if (request.method === "DELETE") {
      const gone = yield* tag(writer, namespace, id, name, undefined, "")
      return writeAnswer(Number(gone["Index"]), { ...gone, ...metadata })
    }
    if (!isWrite(request.method)) return yield* invalidMethod
    const body = yield* bodyOf(request)
    const version =
      body["Latest"] === true && writer.cluster.has("latestTag") ? "latest" : Number(body["Version"] ?? 0)
    const made = yield* tag(writer, namespace, id, name, version, textOf(body["Description"]))
    return writeAnswer(Number(made["Index"]), { ...made, ...metadata })
  })

const jobOf = ({ state }: Cluster, namespace: string, id: string): Read => {
  const job = state.job(namespace, id)
  return job === undefined
    ? { index: state.tables.jobs, missing: "job not found" }
    : { index: job.ModifyIndex, body: job }
}

const summaryOf = ({ state }: Cluster, namespace: string, id: string): Read => {
  const job = state.job(namespace, id)
  return job === undefined
    ? { index: state.tables.summaries, missing: "job not found" }
    : { index: state.summaryIndex(job), body: jobSummary(state, job) }
}

const versionsOf = ({ state }: Cluster, namespace: string, id: string, diffs: boolean): Read => {
  const versions = state.versionsOf(namespace, id)
  if (versions.length === 0) return { index: state.tables.jobs, missing: "job versions not found" }
  const index = Math.max(...versions.map((each: Job) => each.ModifyIndex))
  // Each version to the one before it: the oldest that is kept has none.
  const pairs = versions.slice(1).map((older, at) => jobDiff(older, versions[at] ?? older, false))
  const Diffs = diffs ? pairs : null
  return { index, body: { ...metadata, KnownLeader: true, Index: index, Diffs, Versions: versions } }
}

const submissionOf = ({ state }: Cluster, namespace: string, id: string, version: number): Read => {
  const found = state.submissions.get(jobKey(namespace, id))?.find((each) => each.Version === version)
  return found === undefined
    ? { index: 0, missing: "job source not found" }
    : { index: found.JobModifyIndex, body: found }
}

const allocationsOf = ({ state, node }: Cluster, namespace: string, id: string): Read => ({
  index: state.tables.allocations,
  body: state.allocationsOf(namespace, id).map((each) => allocationStub(each, node))
})

const evaluationsOf = ({ state }: Cluster, namespace: string, id: string): Read => ({
  index: state.tables.evaluations,
  body: state.evaluationsOf(namespace, id).map(evaluationJson)
})

const deploymentsOf = ({ state }: Cluster, namespace: string, id: string): Read => ({
  index: state.tables.deployments,
  body: state.deploymentsOf(namespace, id).map(deploymentJson)
})

const deploymentOf = ({ state }: Cluster, namespace: string, id: string): Read => {
  const latest = state.latestDeployment(namespace, id)
  return { index: state.tables.deployments, body: latest === undefined ? null : deploymentJson(latest) }
}
