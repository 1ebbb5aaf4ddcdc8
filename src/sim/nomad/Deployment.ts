import type { JsonObject } from "./Json.ts"
import type { UpdateStrategy } from "./Job.ts"
import { rfc3339, type Nanos } from "./time.ts"

export interface DeploymentGroup {
  readonly AutoPromote: boolean
  readonly AutoRevert: boolean
  readonly DesiredCanaries: number
  readonly DesiredTotal: number
  readonly HealthyAllocs: number
  readonly PlacedAllocs: number
  readonly PlacedCanaries: ReadonlyArray<string> | null
  readonly ProgressDeadline: number
  readonly Promoted: boolean
  /** Set when the first allocation is placed, moved on by each healthy one. */
  readonly RequireProgressBy: Nanos | null
  readonly UnhealthyAllocs: number
}

export interface Deployment {
  readonly ID: string
  readonly Namespace: string
  readonly JobID: string
  readonly JobVersion: number
  readonly JobModifyIndex: number
  readonly JobSpecModifyIndex: number
  readonly JobCreateIndex: number
  readonly IsMultiregion: false
  readonly TaskGroups: Readonly<Record<string, DeploymentGroup>>
  readonly Status: "running" | "paused" | "successful" | "failed" | "cancelled"
  readonly StatusDescription: string
  readonly EvalPriority: number
  readonly CreateIndex: number
  readonly ModifyIndex: number
  readonly CreateTime: Nanos
  readonly ModifyTime: Nanos
}

export const isActive = (deployment: Deployment): boolean =>
  deployment.Status === "running" || deployment.Status === "paused"

/** Some group waits for its canaries to be promoted. */
export const needsPromotion = (deployment: Deployment): boolean =>
  Object.values(deployment.TaskGroups).some((group) => group.DesiredCanaries > 0 && !group.Promoted)

/** The words of a running deployment. */
export const runningWords = (groups: Deployment["TaskGroups"]): string => {
  const canaries = Object.values(groups).filter((group) => group.DesiredCanaries > 0 && !group.Promoted)
  if (canaries.length === 0) return "Deployment is running"
  return canaries.every((group) => group.AutoPromote)
    ? "Deployment is running pending automatic promotion"
    : "Deployment is running but requires manual promotion"
}

export const emptyGroup = (strategy: UpdateStrategy): DeploymentGroup => ({
  AutoPromote: strategy.AutoPromote,
  AutoRevert: strategy.AutoRevert,
  DesiredCanaries: 0,
  DesiredTotal: 0,
  HealthyAllocs: 0,
  PlacedAllocs: 0,
  PlacedCanaries: null,
  ProgressDeadline: strategy.ProgressDeadline,
  Promoted: false,
  RequireProgressBy: null,
  UnhealthyAllocs: 0
})

export const deploymentJson = (deployment: Deployment): JsonObject => ({
  ...deployment,
  TaskGroups: Object.fromEntries(
    Object.entries(deployment.TaskGroups).map(([name, group]) => [
      name,
      { ...group, RequireProgressBy: rfc3339(group.RequireProgressBy) }
    ])
  )
})
