import { Schema } from "effect"
import { JobPlan } from "../domain/JobPlan.ts"
import { Tag } from "../domain/Tag.ts"
import { DecisionAnswer } from "./RepositoryAnswer.ts"

/** What would be done now, in mode `act`, and what Nomad says of it. */
export const PlanAnswer = Schema.Struct({
  /** `wait`, `brake` where the brake would pause it, by what was decided last of the others. */
  decision: DecisionAnswer,
  /** False for a move that no push explains: it counts for the brake. */
  explained: Schema.Boolean,
  /** Why the registry did not say what it has now, so that this goes by its last good view; null: it did. */
  registry_fault: Schema.NullOr(Schema.String),
  /** When that view was taken; null where the registry answered, or never did. */
  viewed_at: Schema.NullOr(Schema.Date),
  /** What is deployed, or waits to be; null: nothing. */
  tag: Schema.NullOr(Tag),
  /** Nomad's plan for it; null where there is none: see `refused` and `fault`. */
  plan: Schema.NullOr(JobPlan),
  /** In Nomad's words, as a register would be; null unless it is. */
  refused: Schema.NullOr(Schema.String),
  /** Why Nomad's plan is not known, the right that is missing among it; null where nothing is wrong. */
  fault: Schema.NullOr(Schema.String)
}).annotate({ identifier: "Plan" })
export type PlanAnswer = typeof PlanAnswer.Type
