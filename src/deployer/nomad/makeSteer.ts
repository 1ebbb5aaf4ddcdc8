import { Effect, Redacted } from "effect"
import { createHash } from "node:crypto"
import type { Attempt } from "../../domain/Attempt.ts"
import type { Canaries } from "../../domain/Canaries.ts"
import type { Deployer } from "../Deployer.ts"
import type { NomadHttp } from "./NomadHttp.ts"
import type { NomadReads } from "./NomadReads.ts"
import { type Allocation, type Deployment, requiresPromotion } from "./NomadRollout.ts"
import { readSteered } from "./readSteered.ts"

/**
 * An allocation that was healthy once is called healthy for good, whatever became of it, and is counted so in its
 * deployment (measured): that it runs is another question.
 */
const isHealthy = ({ ClientStatus, DeploymentStatus }: Allocation): boolean =>
  ClientStatus === "running" && DeploymentStatus?.Healthy === true

const hasEnded = ({ ClientStatus }: Allocation): boolean =>
  ClientStatus === "failed" || ClientStatus === "complete" || ClientStatus === "lost"

/** Which allocations they are, and how often each of their tasks was restarted. */
const runOf = (canaries: ReadonlyArray<Allocation>): string => {
  const lines = canaries.map(({ ID, TaskStates }) => {
    const tasks = Object.entries(TaskStates ?? {}).map(
      ([name, { Restarts, StartedAt }]) => `${name} ${Restarts} ${StartedAt}`
    )
    return [ID, ...tasks.toSorted()].join("\n")
  })
  return createHash("sha256").update(lines.toSorted().join("\n\n")).digest("hex")
}

/** Of a deployment that waits for promotion, and its allocations. */
export const countCanaries = (
  deployment: Deployment,
  allocations: ReadonlyArray<Allocation>,
  { nomadIndex }: Pick<Attempt, "nomadIndex">
): Canaries => {
  const canaries = allocations.filter(
    ({ DesiredStatus, DeploymentStatus }) => DesiredStatus === "run" && DeploymentStatus?.Canary === true
  )
  const waiting = Object.entries(deployment.TaskGroups ?? {}).filter(
    ([, { DesiredCanaries, Promoted }]) => DesiredCanaries > 0 && !Promoted
  )
  const groups = waiting.map(([name, { DesiredCanaries: desired }]) => {
    const ofGroup = canaries.filter(({ TaskGroup }) => TaskGroup === name)
    return { desired, healthy: Math.min(desired, ofGroup.filter(isHealthy).length) }
  })
  const healthy = groups.reduce((sum, group) => sum + group.healthy, 0)
  const desired = groups.reduce((sum, group) => sum + group.desired, 0)
  return {
    deployment: deployment.ID,
    healthy,
    desired,
    ended: Math.min(desired - healthy, canaries.filter(hasEnded).length),
    run: healthy === desired ? runOf(canaries) : null,
    isOwn: deployment.JobSpecModifyIndex === nomadIndex
  }
}

/** How a rollout is promoted or failed, and what it is promoted by. */
export const makeSteer = (
  http: NomadHttp,
  reads: NomadReads
): Pick<Deployer["Service"], "canaries" | "promote" | "fail"> => {
  const order = (verb: "promote" | "fail", rest: object) =>
    Effect.fnUntraced(function* (scope: Pick<Attempt, "region" | "namespace">, id: string) {
      const query = reads.scopeQuery(scope)
      const path = `/v1/deployment/${verb}/${encodeURIComponent(id)}`
      const body = Redacted.make(JSON.stringify({ DeploymentID: id, ...rest }))
      const answer = yield* Effect.catch(http({ method: "POST", path, query, body }), Effect.succeed)
      return readSteered(answer, { right: `${verb}-deployment`, namespace: query.namespace })
    })

  return {
    canaries: Effect.fn("Deployer.canaries")(function* (attempt) {
      if (attempt.deploymentId === null) return null
      const deployment = yield* reads.deployment(attempt, attempt.deploymentId)
      if (deployment === null || !requiresPromotion(deployment)) return null
      return countCanaries(
        deployment,
        yield* reads.deploymentAllocations(attempt, attempt.deploymentId),
        attempt
      )
    }),
    promote: order("promote", { All: true }),
    fail: order("fail", {})
  }
}
