import { Schema } from "effect"

/** One difference between the job as it is and as it would be registered, as Nomad's own diff has it. */
export const JobChange = Schema.Struct({
  type: Schema.Literals(["added", "deleted", "edited"]),
  /** Null: of the job itself. */
  group: Schema.NullOr(Schema.String),
  /** Null: of the group, or of the job. */
  task: Schema.NullOr(Schema.String),
  /** `Config.image`, `Meta[registrywatcher_attempt]` … */
  field: Schema.String,
  /** Empty where it is added. */
  old: Schema.String,
  /** Empty where it is deleted. */
  new: Schema.String
})
export type JobChange = typeof JobChange.Type

/** What Nomad says that a register would do. It looks at the first step alone: of 3 allocations one, with `max_parallel = 1`. */
export const JobPlan = Schema.Struct({
  changes: Schema.Array(JobChange),
  groups: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      /** Allocations by what becomes of them, in Nomad's words: `ignore`, `create/destroy update`, `canary` … */
      updates: Schema.Record(Schema.String, Schema.Int)
    })
  ),
  /** Why not everything could be placed now; null where it can. */
  unplaced: Schema.NullOr(Schema.String),
  /** Nomad's own; empty where it has none. */
  warnings: Schema.String
})
export type JobPlan = typeof JobPlan.Type

/** What Nomad answers to a plan: `Refused` is what a register would hear as well. */
export const PlanOutcome = Schema.Union([
  Schema.TaggedStruct("Planned", { plan: JobPlan }),
  Schema.TaggedStruct("Refused", { words: Schema.String })
])
export type PlanOutcome = typeof PlanOutcome.Type
