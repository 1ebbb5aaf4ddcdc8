import { Schema } from "effect"
import { markerKey } from "../../domain/Attempt.ts"
import { listOrNull, orNull } from "./orNull.ts"

const anything = Schema.optionalKey(Schema.Unknown)
const index = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))

const Service = Schema.Struct({ Identity: anything })

export const NomadTask = Schema.Struct({
  Name: Schema.String,
  Kind: Schema.optionalKey(Schema.String),
  Config: orNull(Schema.Struct({ image: anything })),
  Meta: orNull(Schema.Struct({ [markerKey]: anything })),
  Identities: listOrNull(Schema.Unknown),
  Services: listOrNull(Service)
})
export type NomadTask = typeof NomadTask.Type

export const NomadGroup = Schema.Struct({
  Name: Schema.String,
  Count: Schema.Int,
  Update: orNull(Schema.Struct({ MinHealthyTime: Schema.Number })),
  Constraints: listOrNull(Schema.Unknown),
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
