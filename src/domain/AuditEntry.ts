import { Schema } from "effect"
import { AttemptId } from "./Attempt.ts"
import { RepositoryName } from "./RepositoryName.ts"

/** One line of the audit: who changed what, where from, why. Append-only (X20). */
export const AuditEntry = Schema.Struct({
  /** Rises with each; times may not. */
  id: Schema.Int,
  at: Schema.Date,
  who: Schema.String,
  /** The peer's address, where a person did it. */
  address: Schema.NullOr(Schema.String),
  action: Schema.String,
  repository: Schema.NullOr(RepositoryName),
  attempt: Schema.NullOr(AttemptId),
  before: Schema.NullOr(Schema.Json),
  after: Schema.NullOr(Schema.Json),
  why: Schema.NullOr(Schema.String)
})
export type AuditEntry = typeof AuditEntry.Type
