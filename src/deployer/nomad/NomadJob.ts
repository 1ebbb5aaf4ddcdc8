import { Schema } from "effect"
import { markerKey } from "../../domain/Attempt.ts"
import { listOrNull, orNull } from "./orNull.ts"

const anything = Schema.optionalKey(Schema.Unknown)
const index = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))

const Consul = Schema.Struct({
  Cluster: orNull(Schema.String),
  Partition: orNull(Schema.String)
})
export type NomadConsul = typeof Consul.Type

const Service = Schema.Struct({ Identity: anything, Checks: listOrNull(Schema.Unknown) })

export const NomadTask = Schema.Struct({
  Name: Schema.String,
  Kind: Schema.optionalKey(Schema.String),
  Config: orNull(Schema.Struct({ image: anything })),
  Meta: orNull(Schema.Struct({ [markerKey]: anything })),
  /** MiB; `MemoryMaxMB` 0 where the task may not use more. */
  Resources: orNull(
    Schema.Struct({
      MemoryMB: Schema.optionalKey(Schema.Number),
      MemoryMaxMB: Schema.optionalKey(Schema.Number)
    })
  ),
  Consul: orNull(Consul),
  Identities: listOrNull(Schema.Unknown),
  Services: listOrNull(Service)
})
export type NomadTask = typeof NomadTask.Type

export const NomadGroup = Schema.Struct({
  Name: Schema.String,
  Count: Schema.Int,
  /** Durations in nanoseconds. */
  Update: orNull(
    Schema.Struct({
      MinHealthyTime: Schema.Number,
      HealthCheck: Schema.optionalKey(Schema.String),
      HealthyDeadline: Schema.optionalKey(Schema.Number),
      ProgressDeadline: Schema.optionalKey(Schema.Number)
    })
  ),
  Consul: orNull(Consul),
  Services: listOrNull(Service),
  Tasks: listOrNull(NomadTask)
})
export type NomadGroup = typeof NomadGroup.Type

/** What we look at in a job as Nomad gives it (`nomad-api.md` §2.1): nothing secret, and never what is posted back. */
export const NomadJob = Schema.Struct({
  ID: Schema.String,
  Namespace: Schema.String,
  Type: Schema.String,
  ParentID: Schema.String,
  Dispatched: Schema.Boolean,
  Stop: Schema.Boolean,
  Multiregion: anything,
  Periodic: anything,
  ParameterizedJob: anything,
  Version: Schema.Int,
  Stable: Schema.optionalKey(Schema.Boolean),
  /** Nanoseconds since 1970, rounded by JSON (T14): good for telling two registers apart, and nothing else. */
  SubmitTime: Schema.optionalKey(Schema.Number),
  CreateIndex: index,
  ModifyIndex: index,
  JobModifyIndex: index,
  TaskGroups: listOrNull(NomadGroup)
})
export type NomadJob = typeof NomadJob.Type

export const isSet = (value: unknown): boolean => value !== undefined && value !== null

/** A parent never runs itself: Nomad starts children of it by the clock or on dispatch. */
export const isParent = (job: NomadJob): boolean => isSet(job.Periodic) || isSet(job.ParameterizedJob)

/** Envoy tasks that Nomad puts in for Connect; their image is Nomad's business (`nomad-api.md` §2.1). */
export const isSidecar = ({ Kind = "" }: NomadTask): boolean =>
  /^connect-(?:proxy|ingress|terminating|mesh)(?::|$)/.test(Kind)
