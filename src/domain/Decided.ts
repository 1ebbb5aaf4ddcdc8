import { Schema } from "effect"
import { Decision } from "./Decision.ts"

/** A decision that a repository had from when to when; the present one has no `until`. */
export const Decided = Schema.Struct({
  decision: Decision,
  since: Schema.Date,
  until: Schema.NullOr(Schema.Date)
})
export type Decided = typeof Decided.Type
