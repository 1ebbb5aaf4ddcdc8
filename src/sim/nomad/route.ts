import { Effect } from "effect"
import { aclRoute } from "./aclRoutes.ts"
import { type Asked, manage, mayAt } from "./Asked.ts"
import { deploymentRoute } from "./deploymentRoute.ts"
import { eventRoute } from "./eventRoute.ts"
import {
  type Answer,
  bodyOf,
  emptyAnswer,
  invalidMethod,
  isWrite,
  type Read,
  read,
  unknownPath,
  writeAnswer
} from "./Http.ts"
import { jobRoute } from "./jobRoute.ts"
import { jobsRoute } from "./jobsRoute.ts"
import { textOf } from "./Json.ts"
import { logPath, logRoute } from "./logRoute.ts"
import { allocationRoute, evaluationRoute } from "./objectRoutes.ts"
import { operatorRoute, schedulerPath } from "./operatorRoute.ts"
import { multiError, refuse, type Refusal } from "./Refusal.ts"
import type { Writer } from "./registerJob.ts"

type Answering = Effect.Effect<Answer, Refusal>

/** Answers a request to one of Nomad's own paths. */
export const route = (writer: Writer, request: Asked): Answering => {
  const { path, query } = request
  const region = query.get("region") || "global"
  if (region !== "global" && !choosesRegion(request)) return refuse(500, "No path to region")
  const jobs = jobsRoute(writer, request)
  if (jobs !== undefined) return jobs
  const found = routes.find(([begins]) => (begins.endsWith("/") ? path.startsWith(begins) : path === begins))
  return found === undefined ? Effect.succeed(unknownPath) : found[1](writer, request)
}

/** A register and a plan choose their region by their body too, and look at it themselves. */
const choosesRegion = ({ method, path }: Asked): boolean =>
  isWrite(method) &&
  (path === "/v1/jobs" ||
    (path.startsWith("/v1/job/") && !/\/(?:evaluate|scale|revert|stable|dispatch|force|tag)$/.test(path)))

const healthRoute = (_: Writer, { method }: Asked): Answering => {
  const well = { message: "ok", ok: true }
  return method === "GET"
    ? Effect.succeed({
        status: 200,
        headers: { "Content-Type": "application/json", Vary: "Accept-Encoding" },
        body: JSON.stringify({ client: well, server: well })
      })
    : invalidMethod
}

const leaderRoute = (_: Writer, { method }: Asked): Answering =>
  method === "GET"
    ? Effect.succeed({
        status: 200,
        headers: { "Content-Type": "application/json", Vary: "Accept-Encoding" },
        body: JSON.stringify("127.0.0.1:4647")
      })
    : invalidMethod

/** `/v1/agent/self`: of all that a real one tells only who it is. */
const selfRoute = ({ cluster }: Writer, request: Asked): Answering =>
  request.method === "GET"
    ? Effect.map(mayAt(request, "agent", "read"), () =>
        writeAnswer(0, {
          config: { Region: "global", Version: { Version: cluster.version, VersionPrerelease: "" } },
          member: { Name: `${cluster.node.name}.global`, Status: "alive" },
          stats: {}
        })
      )
    : invalidMethod

const shownNamespace = (name: string) => ({
  Capabilities: null,
  ConsulConfiguration: null,
  CreateIndex: 1,
  Description: name === "default" ? "Default shared namespace" : "",
  Hash: null,
  Meta: null,
  ModifyIndex: 1,
  Name: name,
  NodePoolConfiguration: null,
  OptionalExtraClaims: null,
  Quota: "",
  RequiredExtraClaims: null,
  VaultConfiguration: null
})

const namespaceRoute = ({ cluster }: Writer, request: Asked): Answering => {
  const { state } = cluster
  const { method, path, query } = request
  const named = path.slice("/v1/namespace/".length)
  return Effect.gen(function* () {
    const rights = yield* request.who
    if (path === "/v1/namespaces") {
      if (method !== "GET") return yield* invalidMethod
      return yield* read(cluster, query, (): Read => ({
        index: 1,
        body: [...state.namespaces]
          .filter((name) => rights.reaches(name))
          .toSorted()
          .map(shownNamespace)
      }))
    }
    if (method === "GET" && named !== "") {
      return yield* read(cluster, query, (): Read =>
        state.namespaces.has(named) && rights.reaches(named)
          ? { index: 1, body: shownNamespace(named) }
          : { index: 1, missing: "Namespace not found" }
      )
    }
    if (!isWrite(method)) return yield* invalidMethod
    const body = yield* bodyOf(request)
    const name = textOf(body["Name"])
    yield* manage(request)
    if (!/^[a-zA-Z0-9-]{1,128}$/.test(name)) {
      const words = multiError([`invalid name "${name}". Must match regex ^[a-zA-Z0-9-]{1,128}$`])
      return yield* refuse(500, `Invalid namespace "${name}": ${words}`)
    }
    state.commit(undefined, () => state.namespaces.add(name))
    return emptyAnswer(state.index)
  })
}

type Route = (writer: Writer, request: Asked) => Answering

/** By the whole path, or by its beginning where that ends in a slash. */
const routes: ReadonlyArray<readonly [begins: string, route: Route]> = [
  ["/v1/job/", jobRoute],
  ["/v1/evaluation/", evaluationRoute],
  ["/v1/evaluations", evaluationRoute],
  ["/v1/allocation/", allocationRoute],
  ["/v1/allocations", allocationRoute],
  ["/v1/deployment/", deploymentRoute],
  ["/v1/deployments", deploymentRoute],
  [logPath, logRoute],
  [schedulerPath, operatorRoute],
  ["/v1/status/leader", leaderRoute],
  ["/v1/agent/self", selfRoute],
  ["/v1/agent/health", healthRoute],
  ["/v1/namespaces", namespaceRoute],
  ["/v1/namespace", namespaceRoute],
  ["/v1/namespace/", namespaceRoute],
  ["/v1/acl/", aclRoute],
  ["/v1/event/stream", eventRoute]
]
