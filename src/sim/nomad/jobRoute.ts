import { Effect } from "effect"
import { type Asked, may } from "./Asked.ts"
import { dispatchRoute, evaluateRoute, forceRoute } from "./childRoutes.ts"
import {
  type Answer,
  invalidMethod,
  isWrite,
  metadata,
  namespaceOf,
  type Read,
  read,
  writeAnswer
} from "./Http.ts"
import {
  actionsOf,
  type Against,
  allocationsOf,
  deploymentOf,
  deploymentsOf,
  evaluationsOf,
  jobOf,
  scaleOf,
  servicesOf,
  submissionOf,
  summaryOf,
  versionsOf
} from "./jobReads.ts"
import { boolean } from "./jobViews.ts"
import { revertRoute, scaleRoute, stableRoute, tagRoute } from "./jobWriteRoutes.ts"
import { planRoute } from "./planRoute.ts"
import { refuse, type Refusal } from "./Refusal.ts"
import type { Writer } from "./registerJob.ts"
import { registerRoute } from "./registerRoute.ts"
import { stop } from "./writeJobs.ts"

type Answering = Effect.Effect<Answer, Refusal>

/** `/v1/job/:id` and what lies under it: the suffix of the decoded path decides, as in Nomad. */
export const jobRoute = (writer: Writer, request: Asked): Answering => {
  const { cluster } = writer
  const rest = request.path.slice("/v1/job/".length)
  for (const [suffix, since, route] of suffixes) {
    if (!rest.endsWith(`/${suffix}`) || (since !== undefined && !cluster.has(since))) continue
    return route(writer, request, rest.slice(0, -suffix.length - 1))
  }
  // What a tag is for stands before it: `:id/versions/:tag/tag`.
  if (rest.endsWith("/tag") && cluster.has("versionTags")) return tagRoute(writer, request, rest)
  switch (request.method) {
    case "GET":
      return reading(jobOf)(writer, request, rest)
    case "POST":
    case "PUT":
      return registerRoute(writer, request, rest)
    case "DELETE":
      return stopRoute(writer, request, rest)
    default:
      return invalidMethod
  }
}

type Route = (writer: Writer, request: Asked, id: string) => Answering
type Look = (cluster: Writer["cluster"], namespace: string, id: string) => Read

const reading =
  (look: Look, ...capabilities: ReadonlyArray<string>): Route =>
  ({ cluster }, request, id) => {
    const { method, query } = request
    if (method !== "GET") return invalidMethod
    const namespace = namespaceOf(query)
    return Effect.andThen(may(request, namespace, "read-job", ...capabilities), () =>
      read(cluster, query, () => look(cluster, namespace, id))
    )
  }

const writing =
  (route: Route): Route =>
  (writer, request, id) =>
    isWrite(request.method) ? route(writer, request, id) : invalidMethod

const versionsRoute: Route = (writer, request, id) =>
  Effect.gen(function* () {
    const { query } = request
    const diffs = yield* boolean(query, "diffs")
    const tag = query.get("diff_tag") ?? ""
    const version = query.get("diff_version") ?? ""
    if (version !== "" && !/^\d+$/.test(version)) {
      const words = `strconv.ParseUint: parsing "${version}": invalid syntax`
      return yield* refuse(500, `Failed to parse value of "diff_version" (${version}) as a uint64: ${words}`)
    }
    const against: Against = !diffs
      ? undefined
      : tag !== ""
        ? { tag }
        : version === ""
          ? "each before"
          : { version: Number(version) }
    return yield* reading((cluster, namespace) => versionsOf(cluster, namespace, id, against))(
      writer,
      request,
      id
    )
  })

const submissionRoute: Route = (writer, request, id) => {
  const version = request.query.get("version") ?? ""
  if (request.method !== "GET") return invalidMethod
  if (!/^\d+$/.test(version)) return refuse(400, "Unable to parse job submission version parameter")
  return reading((cluster, namespace) => submissionOf(cluster, namespace, id, Number(version)))(
    writer,
    request,
    id
  )
}

const stopRoute: Route = (writer, request, id) =>
  Effect.gen(function* () {
    const namespace = namespaceOf(request.query)
    const purge = yield* boolean(request.query, "purge")
    const own = purge ? ["purge-job"] : ["deregister-job", "purge-job"]
    yield* may(request, namespace, "submit-job", ...own)
    const stopped = yield* stop(writer, namespace, id, purge)
    const volumes = { VolumeEvalID: "", VolumeEvalIndex: 0 }
    return writeAnswer(stopped.Index, { ...stopped, ...metadata, ...volumes })
  })

/** Runs a command in a task, over a web socket. */
const actionRoute: Route = () => refuse(501, "the simulator runs no commands in tasks")

const suffixes: ReadonlyArray<
  readonly [suffix: string, since: Parameters<Writer["cluster"]["has"]>[0] | undefined, route: Route]
> = [
  ["evaluate", undefined, writing(evaluateRoute)],
  ["allocations", undefined, reading(allocationsOf)],
  ["evaluations", undefined, reading(evaluationsOf)],
  ["periodic/force", undefined, writing(forceRoute)],
  ["plan", undefined, writing(planRoute)],
  ["summary", undefined, reading(summaryOf)],
  ["dispatch", undefined, writing(dispatchRoute)],
  ["versions", undefined, versionsRoute],
  ["revert", undefined, writing(revertRoute)],
  ["deployments", undefined, reading(deploymentsOf)],
  ["deployment", undefined, reading(deploymentOf)],
  ["stable", undefined, writing(stableRoute)],
  [
    "scale",
    undefined,
    (writer, request, id) =>
      isWrite(request.method)
        ? scaleRoute(writer, request, id)
        : reading(scaleOf, "read-job-scaling")(writer, request, id)
  ],
  ["services", undefined, reading(servicesOf)],
  // Before it was there the suffix was part of an id, as any other.
  ["submission", "submissions", submissionRoute],
  ["actions", undefined, reading(actionsOf)],
  ["action", undefined, actionRoute]
]
