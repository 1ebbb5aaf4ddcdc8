import { Effect } from "effect"
import { eventRoute } from "./eventRoute.ts"
import type { Fault } from "./Fault.ts"
import {
  type Answer,
  type ApiRequest,
  bodyOf,
  invalidMethod,
  plainAnswer,
  type Read,
  read,
  unknownPath,
  writeAnswer
} from "./Http.ts"
import { logPath, logRoute } from "./logRoute.ts"
import { jobRoute, jobsRoute, notSimulated } from "./jobRoutes.ts"
import { operatorRoute, schedulerPath } from "./operatorRoute.ts"
import { allocationRoute, deploymentRoute, evaluationRoute } from "./objectRoutes.ts"
import { textOf } from "./Json.ts"
import { refuse, type Refusal } from "./Refusal.ts"
import type { Writer } from "./registerJob.ts"

/** The connection is cut without an answer. */
export const cut = "cut"

/** Answers one request to Nomad's own paths, as the fault has it where one hits. */
export const answer = (
  writer: Writer,
  request: ApiRequest,
  fault: Fault | undefined
): Effect.Effect<Answer | typeof cut> => {
  const slow = fault?._tag === "SlowLog" ? { slowLog: fault.millis } : {}
  const plain = Effect.suspend(() => route(writer, { ...request, ...slow })).pipe(
    Effect.catchTag("Refusal", ({ status, words }) => Effect.succeed(plainAnswer(status, words)))
  )
  if (fault === undefined) return plain
  switch (fault._tag) {
    case "Answer":
      return Effect.succeed({
        ...plainAnswer(fault.status, fault.body ?? ""),
        headers: { ...plainAnswer(fault.status, "").headers, ...fault.headers }
      })
    case "TooManyConnections":
      return Effect.succeed({
        status: 429,
        headers: {
          "Content-Type": "text/plain",
          Connection: "close",
          ...(fault.retryAfter === undefined ? {} : { "Retry-After": String(fault.retryAfter) })
        },
        body: "Your IP is issuing too many concurrent connections, please rate limit your calls\n"
      })
    case "NoLeader":
      return request.query.has("stale")
        ? plain
        : Effect.succeed(plainAnswer(500, "No cluster leader")).pipe(Effect.delay(fault.hold ?? 5000))
    case "Drop":
      return fault.when === "before" ? Effect.succeed(cut) : Effect.as(plain, cut)
    case "Delay":
      return Effect.delay(plain, fault.millis)
    case "SlowLog":
      return plain
    case "RpcPrefix":
      return Effect.map(plain, (answered) =>
        answered.status === 500 ? { ...answered, body: `rpc error: ${answered.body}` } : answered
      )
  }
}

const route = (writer: Writer, request: ApiRequest): Effect.Effect<Answer, Refusal> => {
  const { method, path, query } = request
  const region = query.get("region")
  if (region !== null && region !== "" && region !== "global") return refuse(500, "No path to region")
  const jobs = jobsRoute(writer, request)
  if (jobs !== undefined) return jobs
  if (path.startsWith("/v1/job/")) return jobRoute(writer, request)
  if (path.startsWith("/v1/evaluation/")) return evaluationRoute(writer, request)
  if (path.startsWith("/v1/allocation/")) return allocationRoute(writer, request)
  if (path.startsWith(logPath)) return logRoute(writer, request)
  if (path === "/v1/deployments" || path.startsWith("/v1/deployment/"))
    return deploymentRoute(writer, request)
  if (path === schedulerPath) return operatorRoute(writer, request)
  if (path === "/v1/status/leader") {
    if (method !== "GET") return invalidMethod
    return Effect.succeed({
      status: 200,
      headers: { "Content-Type": "application/json", Vary: "Accept-Encoding" },
      body: JSON.stringify("127.0.0.1:4647")
    })
  }
  if (path === "/v1/namespaces" || path === "/v1/namespace" || path.startsWith("/v1/namespace/")) {
    return namespaceRoute(writer, request)
  }
  if (path === "/v1/event/stream") return eventRoute(writer, request)
  for (const known of ["/v1/jobs/parse", "/v1/evaluations", "/v1/allocations"]) {
    if (path === known) return notSimulated(known)
  }
  return Effect.succeed(unknownPath)
}

const namespaceRoute = ({ cluster }: Writer, request: ApiRequest): Effect.Effect<Answer, Refusal> => {
  const { state } = cluster
  const { method, path, query } = request
  if (path === "/v1/namespaces" && method === "GET") {
    return read(cluster, query, (): Read => ({
      index: 1,
      body: [...state.namespaces].toSorted().map((Name) => ({ Name, Description: "" }))
    }))
  }
  if (method !== "POST" && method !== "PUT") return invalidMethod
  return Effect.gen(function* () {
    const body = yield* bodyOf(request)
    const name = textOf(body["Name"])
    if (name === "") return yield* refuse(400, 'invalid name "". Must match regex ^[a-zA-Z0-9-]{1,128}$')
    state.commit(undefined, () => state.namespaces.add(name))
    return writeAnswer(state.index, null)
  })
}
