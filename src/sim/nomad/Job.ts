import type { Json, JsonObject } from "./Json.ts"

/** Durations are nanoseconds. Named here is what the simulator reads; everything else is carried. */
export interface UpdateStrategy extends JsonObject {
  readonly AutoPromote: boolean
  readonly AutoRevert: boolean
  readonly Canary: number
  readonly HealthCheck: string
  readonly HealthyDeadline: number
  readonly MaxParallel: number
  readonly MinHealthyTime: number
  readonly ProgressDeadline: number
  readonly Stagger: number
}

export interface RestartPolicy extends JsonObject {
  readonly Attempts: number
  readonly Delay: number
  readonly Interval: number
  readonly Mode: string
}

export interface ReschedulePolicy extends JsonObject {
  readonly Attempts: number
  readonly Delay: number
  readonly DelayFunction: string
  readonly Interval: number
  readonly MaxDelay: number
  readonly Unlimited: boolean
}

export interface Constraint extends JsonObject {
  readonly LTarget: string
  readonly Operand: string
  readonly RTarget: string
}

export interface Resources extends JsonObject {
  readonly CPU: number
  readonly MemoryMB: number
}

export interface Task extends JsonObject {
  readonly Name: string
  readonly Driver: string
  readonly Config: JsonObject | null
  readonly Meta: JsonObject | null
  readonly Resources: Resources
  readonly RestartPolicy: RestartPolicy
  readonly Constraints: ReadonlyArray<Constraint> | null
  readonly KillTimeout: number
}

export interface TaskGroup extends JsonObject {
  readonly Name: string
  readonly Count: number
  readonly Tasks: ReadonlyArray<Task>
  readonly Update: UpdateStrategy | null
  readonly RestartPolicy: RestartPolicy
  readonly ReschedulePolicy: ReschedulePolicy | null
  readonly Constraints: ReadonlyArray<Constraint> | null
  readonly Meta: JsonObject | null
  readonly EphemeralDisk: JsonObject
}

/** A job as it is stored and as `GET /v1/job/:id` shows it (`nomad-api.md` §2.1). */
export interface Job extends JsonObject {
  readonly ID: string
  readonly Name: string
  readonly Namespace: string
  readonly Region: string
  readonly Type: string
  readonly Priority: number
  readonly Datacenters: ReadonlyArray<string>
  readonly NodePool: string
  readonly Constraints: ReadonlyArray<Constraint> | null
  readonly TaskGroups: ReadonlyArray<TaskGroup>
  readonly Meta: JsonObject | null
  readonly Periodic: JsonObject | null
  readonly ParameterizedJob: JsonObject | null
  readonly Status: "pending" | "running" | "dead"
  readonly Stop: boolean
  readonly Stable: boolean
  readonly Version: number
  readonly SubmitTime: bigint
  readonly CreateIndex: number
  readonly ModifyIndex: number
  readonly JobModifyIndex: number
  readonly VersionTag: JsonObject | null
}

/** Where a job lives in every table. */
export const jobKey = (namespace: string, id: string): string => `${namespace}\n${id}`

export const groupOf = (job: Job, name: string): TaskGroup | undefined =>
  job.TaskGroups.find((group) => group.Name === name)

/** Parents of children: they schedule nothing themselves, and a register of one has no evaluation. */
export const isParent = (job: Job): boolean =>
  job.Periodic !== null || (job.ParameterizedJob !== null && job["Dispatched"] !== true)

export const runsToEnd = (job: Job): boolean => job.Type === "batch" || job.Type === "sysbatch"

export const asList = (value: Json | undefined): ReadonlyArray<Json> => (Array.isArray(value) ? value : [])
