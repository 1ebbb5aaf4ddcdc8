import { Effect } from "effect"
import { allocationJson, allocationStub } from "./Allocation.ts"
import { deploymentJson, isActive, type Deployment } from "./Deployment.ts"
import { type Evaluation, evaluationJson } from "./Evaluation.ts"
import {
  type Answer,
  type ApiRequest,
  bodyOf,
  invalidMethod,
  namespaceOf,
  type Read,
  read,
  requireUuid,
  writeAnswer
} from "./Http.ts"
import { notSimulated } from "./jobRoutes.ts"
import type { Json } from "./Json.ts"
import { multiError, refuse, type Refusal } from "./Refusal.ts"
import { failDeployment } from "./rollback.ts"
import { watcherEvaluation } from "./newEvaluation.ts"
import { promote } from "./promote.ts"
import type { Writer } from "./registerJob.ts"
import type { Nanos } from "./time.ts"

type Answering = Effect.Effect<Answer, Refusal>

const inNamespace = (query: URLSearchParams, namespace: string): boolean => {
  const asked = namespaceOf(query)
  return asked === "*" || asked === namespace
}

/** `/v1/evaluation/:id`, with its allocations under it. */
export const evaluationRoute = ({ cluster }: Writer, { method, path, query }: ApiRequest): Answering => {
  const { state, node } = cluster
  const [id = "", under] = path.slice("/v1/evaluation/".length).split("/")
  if (method !== "GET") return invalidMethod
  return Effect.andThen(requireUuid(id, "failed to lookup eval: eval"), () =>
    read(cluster, query, (): Read => {
      if (under === "allocations") {
        const own = [...state.allocations.values()].filter((each) => each.EvalID === id)
        return {
          index: state.tables.allocations,
          body: own.toSorted((a, b) => (a.ID < b.ID ? -1 : 1)).map((each) => allocationStub(each, node))
        }
      }
      const found = state.evaluations.get(id)
      return found === undefined || !inNamespace(query, found.Namespace)
        ? { index: state.tables.evaluations, missing: "eval not found" }
        : { index: found.ModifyIndex, body: evaluationJson(found) }
    })
  )
}

/** `/v1/allocation/:id`. */
export const allocationRoute = ({ cluster }: Writer, { method, path, query }: ApiRequest): Answering => {
  const { state, node } = cluster
  const id = path.slice("/v1/allocation/".length)
  if (method !== "GET") return invalidMethod
  return Effect.andThen(requireUuid(id, "alloc"), () =>
    read(cluster, query, (): Read => {
      const found = state.allocations.get(id)
      return found === undefined || !inNamespace(query, found.Namespace)
        ? { index: state.tables.allocations, missing: "alloc not found" }
        : { index: found.ModifyIndex, body: allocationJson(found, node) }
    })
  )
}

/** `/v1/deployments`, `/v1/deployment/:id` and the actions, which stand before the id. */
export const deploymentRoute = (writer: Writer, request: ApiRequest): Answering => {
  const { cluster } = writer
  const { state, node } = cluster
  const { method, path, query } = request
  if (path === "/v1/deployments") {
    if (method !== "GET") return invalidMethod
    return read(cluster, query, () => ({
      index: state.tables.deployments,
      body: [...state.deployments.values()]
        .filter((each) => inNamespace(query, each.Namespace) && each.ID.startsWith(query.get("prefix") ?? ""))
        .map(deploymentJson)
    }))
  }
  const parts = path.slice("/v1/deployment/".length).split("/")
  const [first = "", second] = parts
  if (second === undefined) {
    if (method !== "GET") return invalidMethod
    return Effect.andThen(requireUuid(first, "deployment"), () =>
      read(cluster, query, (): Read => {
        const found = state.deployments.get(first)
        return found === undefined || !inNamespace(query, found.Namespace)
          ? { index: state.tables.deployments, missing: "deployment not found" }
          : { index: found.ModifyIndex, body: deploymentJson(found) }
      })
    )
  }
  if (first === "allocations") {
    return read(cluster, query, () => ({
      index: state.tables.allocations,
      body: [...state.allocations.values()]
        .filter((each) => each.DeploymentID === second)
        .toSorted((a, b) => (a.ID < b.ID ? -1 : 1))
        .map((each) => allocationStub(each, node))
    }))
  }
  if (method !== "POST" && method !== "PUT") return invalidMethod
  if (first === "fail") return fail(writer, second)
  if (first === "pause") return pause(writer, request, second)
  if (first === "promote") return promoteRoute(writer, request, second)
  return notSimulated(`/v1/deployment/${first}/:id`)
}

const answer = (
  { cluster: { state } }: Writer,
  id: string,
  evaluation: Evaluation | undefined,
  reverted: Json
): Answer => {
  const index = state.index
  return writeAnswer(index, {
    EvalID: evaluation?.ID ?? "",
    EvalCreateIndex: evaluation?.CreateIndex ?? 0,
    DeploymentModifyIndex: state.deployments.get(id)?.ModifyIndex ?? index,
    RevertedJobVersion: reverted,
    Index: index
  })
}

/** The deployment that a write is for, while it is active. */
const active = (
  { cluster: { state } }: Writer,
  id: string,
  verb: string
): Effect.Effect<Deployment, Refusal> => {
  const found = state.deployments.get(id)
  if (found === undefined) return refuse(500, "deployment not found")
  return isActive(found) ? Effect.succeed(found) : refuse(500, `can't ${verb} terminal deployment`)
}

const named = (request: ApiRequest, id: string) =>
  Effect.gen(function* () {
    const body = yield* bodyOf(request)
    if (!body["DeploymentID"]) return yield* refuse(400, "DeploymentID must be specified")
    if (body["DeploymentID"] !== id) return yield* refuse(400, "Deployment ID does not match")
    return body
  })

const fail = (writer: Writer, id: string): Answering =>
  Effect.map(active(writer, id, "fail"), (deployment) => {
    const reverts = Object.values(deployment.TaskGroups).some((group) => group.AutoRevert)
    const { evaluation, reverted } = failDeployment(
      writer.cluster,
      deployment,
      "Deployment marked as failed",
      reverts
    )
    writer.enqueue(evaluation)
    return answer(writer, id, evaluation, reverted)
  })

/** Each group that has a deadline gets its whole time, one that nothing was placed of too. */
const withDeadlines = (groups: Deployment["TaskGroups"], now: Nanos): Deployment["TaskGroups"] =>
  Object.fromEntries(
    Object.entries(groups).map(([name, group]) => [
      name,
      group.ProgressDeadline === 0
        ? group
        : { ...group, RequireProgressBy: now + BigInt(group.ProgressDeadline) }
    ])
  )

const pause = (writer: Writer, request: ApiRequest, id: string): Answering =>
  Effect.gen(function* () {
    const body = yield* named(request, id)
    const isPause = body["Pause"] === true
    const deployment = yield* active(writer, id, isPause ? "pause" : "resume")
    const { cluster } = writer
    const { state } = cluster
    const evaluation = state.commit("DeploymentStatusUpdate", (index, now) => {
      const TaskGroups = cluster.has("pauseMovesDeadline")
        ? withDeadlines(deployment.TaskGroups, now)
        : deployment.TaskGroups
      state.putDeployment({
        ...deployment,
        TaskGroups,
        Status: isPause ? "paused" : "running",
        StatusDescription: isPause ? "Deployment is paused" : "Deployment is running",
        ModifyIndex: index,
        ModifyTime: now
      })
      if (isPause) return undefined
      const made = watcherEvaluation(cluster, deployment, index, now)
      state.putEvaluation(made)
      return made
    })
    writer.deploymentChanged(id)
    if (evaluation !== undefined) writer.enqueue(evaluation)
    return answer(writer, id, evaluation, null)
  })

const promoteRoute = (writer: Writer, request: ApiRequest, id: string): Answering =>
  Effect.gen(function* () {
    const body = yield* named(request, id)
    const deployment = yield* active(writer, id, "promote")
    const names = body["All"] === true ? Object.keys(deployment.TaskGroups) : body["Groups"]
    const groups = Array.isArray(names) ? names.map(String) : []
    const short = groups.flatMap((name) => {
      const group = deployment.TaskGroups[name]
      if (group === undefined || group.Promoted || group.DesiredCanaries === 0) return []
      return group.HealthyAllocs < group.DesiredCanaries
        ? [`Task group "${name}" has ${group.HealthyAllocs}/${group.DesiredCanaries} healthy allocations`]
        : []
    })
    if (short.length > 0) return yield* refuse(500, multiError(short))
    const evaluation = promote(writer.cluster, deployment, groups)
    writer.enqueue(evaluation)
    writer.deploymentChanged(id)
    return answer(writer, id, evaluation, null)
  })
