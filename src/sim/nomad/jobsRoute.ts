import { Effect } from "effect"
import { type Asked, may } from "./Asked.ts"
import { type Answer, bodyOf, invalidMethod, isWrite, namespaceOf, read, writeAnswer } from "./Http.ts"
import type { Job } from "./Job.ts"
import { boolean, jobList, jobStatuses, pageSize } from "./jobViews.ts"
import { isObject, type Json, textOf } from "./Json.ts"
import { parseRoute } from "./parseRoute.ts"
import { multiError, refuse, type Refusal } from "./Refusal.ts"
import { admit, type Writer } from "./registerJob.ts"
import { registerRoute } from "./registerRoute.ts"
import type { Rights } from "./Rights.ts"

type Answering = Effect.Effect<Answer, Refusal>

/** `/v1/jobs`, what lies under it, and `/v1/validate/job`; `undefined` for a path that Nomad does not have. */
export const jobsRoute = (writer: Writer, request: Asked): Answering | undefined => {
  const { cluster } = writer
  const { method, path } = request
  switch (path) {
    case "/v1/jobs":
      if (isWrite(method)) return registerRoute(writer, request, undefined)
      return method === "GET" ? listRoute(writer, request) : invalidMethod
    case "/v1/jobs/statuses":
      if (!cluster.has("statuses")) return undefined
      return method === "GET" || isWrite(method) ? statusesRoute(writer, request) : invalidMethod
    case "/v1/jobs/parse":
      return isWrite(method) ? parseRoute(writer, request) : invalidMethod
    case "/v1/validate/job":
      if (!isWrite(method)) return invalidMethod
      return Effect.gen(function* () {
        const body = yield* bodyOf(request)
        const job = body["Job"]
        if (!isObject(job)) return yield* refuse(400, "Job must be specified")
        const namespace = textOf(job["Namespace"], "default")
        yield* may(request, namespace, "read-job")
        const { errors } = admit(cluster, job, namespace)
        return writeAnswer(0, {
          DriverConfigValidated: true,
          Error: errors.length === 0 ? "" : multiError(errors),
          ValidationErrors: errors.length === 0 ? null : errors,
          Warnings: ""
        })
      })
    default:
      return undefined
  }
}

/** Of the namespace asked for, `*` for all, the jobs of those in which one of these is allowed. */
export const shown =
  (rights: Rights, namespace: string, capability: string) =>
  (job: Pick<Job, "Namespace">): boolean =>
    (namespace === "*" || job.Namespace === namespace) && rights.allows(job.Namespace, capability)

const listRoute = ({ cluster }: Writer, request: Asked): Answering =>
  Effect.gen(function* () {
    const { query } = request
    const namespace = namespaceOf(query)
    const perPage = yield* pageSize(query)
    const meta = yield* boolean(query, "meta")
    const rights = yield* may(request, namespace, "list-jobs")
    const isShown = shown(rights, namespace, "list-jobs")
    return yield* read(cluster, query, () => jobList(cluster, query, isShown, perPage, meta))
  })

const statusesRoute = ({ cluster }: Writer, request: Asked): Answering =>
  Effect.gen(function* () {
    const { query } = request
    const body = request.body === "" ? {} : yield* bodyOf(request)
    const wanted = body["Jobs"]
    if (Array.isArray(wanted) && wanted.length === 0) return yield* refuse(400, "no jobs in request")
    const list = Array.isArray(wanted) ? (wanted as ReadonlyArray<Json>) : undefined
    const named = new Set(list?.map((each) => (isObject(each) ? textOf(each["Namespace"], "default") : "")))
    const [only] = named.size === 1 ? [...named] : []
    const asked = only ?? (list === undefined ? namespaceOf(query) : "*")
    const perPage = yield* pageSize(query)
    const rights = yield* may(request, asked, "read-job")
    const inNamespaces = shown(rights, asked, "read-job")
    const children = body["IncludeChildren"] === true
    const isShown = (job: Job) => inNamespaces(job) && (children || job["ParentID"] === "")
    return yield* read(cluster, query, () => jobStatuses(cluster, query, isShown, list, perPage))
  })
