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
      DesiredTotal: Schema.Int,
      PlacedAllocs: Schema.Int,
      HealthyAllocs: Schema.Int,
      UnhealthyAllocs: Schema.Int
    })
  )
})
export type Deployment = typeof Deployment.Type

/** Nomad leaves empty fields out of an evaluation (`nomad-api.md` §5.1). */
export const Evaluation = Schema.Struct({
  ID: Schema.String,
  Status: Schema.String,
  JobModifyIndex: Schema.optionalKey(Schema.Int),
  DeploymentID: Schema.optionalKey(Schema.String),
  /** Group → why it could not be placed. */
  FailedTGAllocs: recordOrNull(
    Schema.Struct({
      ConstraintFiltered: recordOrNull(Schema.Int),
      DimensionExhausted: recordOrNull(Schema.Int)
    })
  )
})
export type Evaluation = typeof Evaluation.Type

export const TaskState = Schema.Struct({
  State: Schema.optionalKey(Schema.String),
  Failed: Schema.optionalKey(Schema.Boolean),
  StartedAt: Schema.NullOr(Schema.String),
  Restarts: Schema.Int,
  Events: Schema.optionalKey(Schema.Unknown)
})
export type TaskState = typeof TaskState.Type

/** A stub of `/v1/job/:id/allocations` (`nomad-api.md` §5.5). */
export const Allocation = Schema.Struct({
  ID: Schema.String,
  TaskGroup: Schema.String,
  JobVersion: Schema.Int,
  CreateIndex: Schema.Int,
  DesiredStatus: Schema.String,
  ClientStatus: Schema.String,
  DeploymentStatus: orNull(
    Schema.Struct({
      Healthy: Schema.optionalKey(Schema.NullOr(Schema.Boolean)),
      Canary: Schema.optionalKey(Schema.Boolean)
    })
  ),
  TaskStates: recordOrNull(TaskState)
})
export type Allocation = typeof Allocation.Type

/** One job of `/v1/jobs/statuses` (`nomad-api.md` §7.2). */
export const JobStatus = Schema.Struct({
  ID: Schema.String,
  Version: Schema.Int,
  Type: Schema.optionalKey(Schema.String),
  GroupCountSum: Schema.optionalKey(Schema.Int),
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
      Status: Schema.String,
      RequiresPromotion: Schema.Boolean,
      AllAutoPromote: Schema.Boolean
    })
  )
})
export type JobStatus = typeof JobStatus.Type

export const isActive = ({ Status }: Deployment): boolean => isActiveStatus(Status)

type Counts = "DesiredCanaries" | "DesiredTotal" | "PlacedAllocs" | "HealthyAllocs" | "UnhealthyAllocs"

/** Of all its groups. */
export const countOf = ({ TaskGroups }: Deployment, what: Counts): number =>
  Object.values(TaskGroups ?? {}).reduce((sum, group) => sum + group[what], 0)

/** A person must promote the canaries. */
export const requiresPromotion = ({ Status, TaskGroups }: Deployment): boolean =>
  Status === "running" &&
  Object.values(TaskGroups ?? {}).some(
    (group) => group.DesiredCanaries > 0 && !group.Promoted && !group.AutoPromote
  )

/** … and they are all healthy, so the rollout waits for nothing else. */
export const awaitsPromotion = (deployment: Deployment): boolean =>
  requiresPromotion(deployment) &&
  Object.values(deployment.TaskGroups ?? {}).every(
    (group) => group.Promoted || group.HealthyAllocs >= group.DesiredCanaries
  )

/** Why the groups that evaluations name could not be placed, as Nomad counted it. */
export const whyUnplaced = (evaluations: ReadonlyArray<Pick<Evaluation, "FailedTGAllocs">>): string => {
  const reasons = new Set(
    evaluations.flatMap(({ FailedTGAllocs }) =>
      Object.entries(FailedTGAllocs ?? {}).map(([group, { ConstraintFiltered, DimensionExhausted }]) => {
        const causes = [...Object.keys(ConstraintFiltered ?? {}), ...Object.keys(DimensionExhausted ?? {})]
        return `group "${group}"${causes.length === 0 ? "" : `: ${causes.join(", ")}`}`
      })
    )
  )
  return ["no node can run it", [...reasons].join("; ")].filter((part) => part !== "").join(": ")
}

/** Why nothing can be placed now; undefined while nothing is blocked. */
export const whyBlocked = (evaluations: ReadonlyArray<Evaluation>): string | undefined => {
  const blocked = evaluations.filter(({ Status }) => Status === "blocked")
  return blocked.length === 0 ? undefined : whyUnplaced(blocked)
}
