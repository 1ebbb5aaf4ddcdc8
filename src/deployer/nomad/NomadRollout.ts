import { Schema } from "effect"
import { isActiveStatus } from "../../domain/Observed.ts"
import { listOrNull, orNull, recordOrNull } from "./orNull.ts"

/** `nomad-api.md` §5.2. */
export const Deployment = Schema.Struct({
  ID: Schema.String,
  JobVersion: Schema.Int,
  /** The job's `JobModifyIndex` when it was made: the register that it rolls out. */
  JobSpecModifyIndex: Schema.Int,
  Status: Schema.String,
  StatusDescription: Schema.String,
  TaskGroups: recordOrNull(
    Schema.Struct({
      AutoPromote: Schema.Boolean,
      Promoted: Schema.Boolean,
      DesiredCanaries: Schema.Int,
      PlacedAllocs: Schema.Int,
      HealthyAllocs: Schema.Int
    })
  )
})
export type Deployment = typeof Deployment.Type

/** Nomad leaves empty fields out of an evaluation (`nomad-api.md` §5.1). */
export const Evaluation = Schema.Struct({
  ID: Schema.String,
  Status: Schema.String,
  /** Group → why it could not be placed. */
  FailedTGAllocs: recordOrNull(
    Schema.Struct({
      ConstraintFiltered: recordOrNull(Schema.Int),
      DimensionExhausted: recordOrNull(Schema.Int)
    })
  )
})
export type Evaluation = typeof Evaluation.Type

/** A stub of `/v1/job/:id/allocations` (`nomad-api.md` §5.5). */
export const Allocation = Schema.Struct({
  ID: Schema.String,
  TaskGroup: Schema.String,
  JobVersion: Schema.Int,
  CreateIndex: Schema.Int,
  DesiredStatus: Schema.String,
  ClientStatus: Schema.String,
  TaskStates: recordOrNull(Schema.Struct({ StartedAt: Schema.NullOr(Schema.String), Restarts: Schema.Int }))
})
export type Allocation = typeof Allocation.Type

/** One job of `/v1/jobs/statuses` (`nomad-api.md` §7.2). */
export const JobStatus = Schema.Struct({
  ID: Schema.String,
  Version: Schema.Int,
  Allocs: listOrNull(
    Schema.Struct({
      ID: Schema.String,
      JobVersion: Schema.Int,
      ClientStatus: Schema.String,
      DeploymentStatus: orNull(
        Schema.Struct({ Canary: Schema.Boolean, Healthy: Schema.NullOr(Schema.Boolean) })
      )
    })
  ),
  LatestDeployment: orNull(
    Schema.Struct({
      ID: Schema.String,
      IsActive: Schema.Boolean,
      JobVersion: Schema.Int,
      StatusDescription: Schema.String,
      RequiresPromotion: Schema.Boolean,
      AllAutoPromote: Schema.Boolean
    })
  )
})
export type JobStatus = typeof JobStatus.Type

export const isActive = ({ Status }: Deployment): boolean => isActiveStatus(Status)

const groupsOf = ({ TaskGroups }: Deployment) => Object.values(TaskGroups ?? {})

/** A person must promote the canaries. */
export const requiresPromotion = (deployment: Deployment): boolean =>
  deployment.Status === "running" &&
  groupsOf(deployment).some((group) => group.DesiredCanaries > 0 && !group.Promoted && !group.AutoPromote)

/** … and they are all healthy, so the rollout waits for nothing else. */
export const awaitsPromotion = (deployment: Deployment): boolean =>
  requiresPromotion(deployment) &&
  groupsOf(deployment).every((group) => group.Promoted || group.HealthyAllocs >= group.DesiredCanaries)

export const placedOf = (deployment: Deployment): number =>
  groupsOf(deployment).reduce((sum, group) => sum + group.PlacedAllocs, 0)

export const healthyOf = (deployment: Deployment): number =>
  groupsOf(deployment).reduce((sum, group) => sum + group.HealthyAllocs, 0)

/** Why nothing can be placed, as Nomad counted it; undefined while nothing is blocked. */
export const whyBlocked = (evaluations: ReadonlyArray<Evaluation>): string | undefined => {
  const blocked = evaluations.filter(({ Status }) => Status === "blocked")
  if (blocked.length === 0) return undefined
  const reasons = blocked.flatMap(({ FailedTGAllocs }) =>
    Object.entries(FailedTGAllocs ?? {}).map(([group, { ConstraintFiltered, DimensionExhausted }]) => {
      const causes = [...Object.keys(ConstraintFiltered ?? {}), ...Object.keys(DimensionExhausted ?? {})]
      return `group "${group}"${causes.length === 0 ? "" : `: ${causes.join(", ")}`}`
    })
  )
  return ["no node can run it", ...reasons].join("; ")
}
