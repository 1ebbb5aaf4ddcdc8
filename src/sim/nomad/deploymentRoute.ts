import { Effect } from "effect"
import { isTerminal } from "./Allocation.ts"
import { type Asked, permissionDenied } from "./Asked.ts"
import { type Deployment, deploymentJson, isActive } from "./Deployment.ts"
import type { Evaluation } from "./Evaluation.ts"
import { type Answer, bodyOf, isWrite, requireUuid, writeAnswer } from "./Http.ts"
import { asList } from "./Job.ts"
import type { Json } from "./Json.ts"
import { watcherEvaluation } from "./newEvaluation.ts"
import { allocationsWhere, listed, reading } from "./objectRoutes.ts"
import { promote } from "./promote.ts"
import { multiError, refuse, type Refusal } from "./Refusal.ts"
import type { Writer } from "./registerJob.ts"
import { failDeployment } from "./rollback.ts"
import { setHealth } from "./setHealth.ts"
import type { Nanos } from "./time.ts"

type Answering = Effect.Effect<Answer, Refusal>
type Action = (writer: Writer, request: Asked, id: string) => Answering

/** `/v1/deployments`, `/v1/deployment/:id` and the actions, which stand before the id. */
export const deploymentRoute = (writer: Writer, request: Asked): Answering => {
  const { state } = writer.cluster
  const { method, path } = request
  if (path === "/v1/deployments") {
    return listed(writer, request, "deployments", () => state.deployments.values(), deploymentJson)
  }
  const [first = "", id] = path.slice("/v1/deployment/".length).split("/")
  const action = actions[first]
  if (id !== undefined && action !== undefined && isWrite(method)) return action(writer, request, id)
  if (id !== undefined && first === "allocations") {
    return allocationsWhere(writer, request, id, ({ DeploymentID }) => DeploymentID === id)
  }
  const whole = path.slice("/v1/deployment/".length)
  return reading<Deployment>(writer, request, {
    id: whole,
    words: "deployment",
    missing: "deployment not found",
    table: "deployments",
    find: () => state.deployments.get(whole),
    jsonOf: deploymentJson,
    index: ({ ModifyIndex }) => ModifyIndex,
    hidesForeign: true
  })
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

/** The deployment that a write is for, while it is active. It is looked for before anybody's rights are. */
const active = (
  { cluster: { state } }: Writer,
  request: Asked,
  id: string,
  verb: string,
  capability: string
): Effect.Effect<Deployment, Refusal> =>
  Effect.gen(function* () {
    const rights = yield* request.who
    yield* requireUuid(id, "deployment")
    const found = state.deployments.get(id)
    if (found === undefined) return yield* refuse(500, "deployment not found")
    if (!rights.allows(found.Namespace, "submit-job", capability)) return yield* permissionDenied
    return isActive(found) ? found : yield* refuse(500, `can't ${verb} terminal deployment`)
  })

const named = (request: Asked, id: string) =>
  Effect.gen(function* () {
    const body = yield* bodyOf(request)
    if (!body["DeploymentID"]) return yield* refuse(400, "DeploymentID must be specified")
    if (body["DeploymentID"] !== id) return yield* refuse(400, "Deployment ID does not match")
    return body
  })

const fail: Action = (writer, request, id) =>
  Effect.map(active(writer, request, id, "fail", "fail-deployment"), (deployment) => {
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

/** Only deployments over several regions are ever blocked, and those are not in Community. */
const unblock: Action = (writer, request, id) =>
  Effect.gen(function* () {
    yield* named(request, id)
    yield* active(writer, request, id, "unblock", "unblock-deployment")
    const none = {
      DeploymentModifyIndex: 0,
      EvalCreateIndex: 0,
      EvalID: "",
      Index: 0,
      RevertedJobVersion: null
    }
    return writeAnswer(0, none)
  })

const allocationHealth: Action = (writer, request, id) =>
  Effect.gen(function* () {
    const body = yield* named(request, id)
    const [healthy, unhealthy] = (["Healthy", "Unhealthy"] as const).map((kind) =>
      asList(body[`${kind}AllocationIDs`]).map(String)
    )
    if ((healthy?.length ?? 0) + (unhealthy?.length ?? 0) === 0) {
      return yield* refuse(500, "must specify at least one healthy/unhealthy allocation ID")
    }
    const verb = "set health of allocations for a"
    const deployment = yield* active(writer, request, id, verb, "set-alloc-health-deployment")
    const { state } = writer.cluster
    const unknown = [...(healthy ?? []), ...(unhealthy ?? [])].find((each) => !state.allocations.has(each))
    if (unknown !== undefined) return yield* refuse(500, `unknown alloc "${unknown}"`)
    const found = (ids: ReadonlyArray<string> = []) =>
      ids.flatMap((each) => state.allocations.get(each) ?? [])
    const { evaluation, reverted } = setHealth(writer.cluster, deployment, found(healthy), found(unhealthy))
    writer.enqueue(evaluation)
    writer.deploymentChanged(id)
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

const pause: Action = (writer, request, id) =>
  Effect.gen(function* () {
    const body = yield* named(request, id)
    const isPause = body["Pause"] === true
    const deployment = yield* active(writer, request, id, isPause ? "pause" : "resume", "pause-deployment")
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

const promoteRoute: Action = (writer, request, id) =>
  Effect.gen(function* () {
    const body = yield* named(request, id)
    const deployment = yield* active(writer, request, id, "promote", "promote-deployment")
    const names = body["All"] === true ? Object.keys(deployment.TaskGroups) : body["Groups"]
    const groups = Array.isArray(names) ? names.map(String) : []
    const { state } = writer.cluster
    const short = groups.flatMap((name) => {
      const group = deployment.TaskGroups[name]
      if (group === undefined || group.Promoted || group.DesiredCanaries === 0) return []
      // Not by the deployment's count, which a canary that ended stays in (measured).
      const healthy = (group.PlacedCanaries ?? []).filter((placed) => {
        const canary = state.allocations.get(placed)
        return canary !== undefined && !isTerminal(canary) && canary.DeploymentStatus?.Healthy === true
      }).length
      return healthy < group.DesiredCanaries
        ? [`Task group "${name}" has ${healthy}/${group.DesiredCanaries} healthy allocations`]
        : []
    })
    if (short.length > 0) return yield* refuse(500, multiError(short))
    const evaluation = promote(writer.cluster, deployment, groups)
    writer.enqueue(evaluation)
    writer.deploymentChanged(id)
    return answer(writer, id, evaluation, null)
  })

const actions: Readonly<Record<string, Action>> = {
  fail,
  pause,
  promote: promoteRoute,
  unblock,
  "allocation-health": allocationHealth
}
