import { Schema } from "effect"
import { AttemptId, AttemptReason, AttemptState, Phase, RolloutOrder } from "../domain/Attempt.ts"
import { Blame } from "../domain/Blame.ts"
import { Digest } from "../domain/Digest.ts"
import { JobRef } from "../domain/JobRef.ts"
import { RepositoryName } from "../domain/RepositoryName.ts"
import { RequestKind } from "../domain/RequestKind.ts"
import { Tag } from "../domain/Tag.ts"

/** One intended register and what became of it. Indexes are Nomad's (Raft), times are Postgres's. */
export const AttemptAnswer = Schema.Struct({
  id: AttemptId,
  repository: RepositoryName,
  job: JobRef,
  generation: Schema.Int,
  reason: AttemptReason,
  request_kind: Schema.NullOr(RequestKind),
  requested_by: Schema.NullOr(Schema.String),
  from: Schema.Struct({ tag: Schema.NullOr(Tag), digest: Schema.NullOr(Digest) }),
  to: Schema.Struct({ tag: Tag, digest: Digest }),
  image_sent: Schema.String,
  state: AttemptState,
  phase: Schema.NullOr(Phase),
  /** Nomad's own words for how it ended, or why it was refused. */
  words: Schema.NullOr(Schema.String),
  /** Whose fault it was; null unless it failed or was reverted. */
  blame: Schema.NullOr(Blame),
  base_index: Schema.Int,
  base_version: Schema.Int,
  nomad_index: Schema.NullOr(Schema.Int),
  nomad_version: Schema.NullOr(Schema.Int),
  eval_id: Schema.NullOr(Schema.String),
  deployment_id: Schema.NullOr(Schema.String),
  /** Null unless they wait for their promotion; `since` when all of them are the same and healthy. */
  canaries: Schema.NullOr(
    Schema.Struct({ healthy: Schema.Int, desired: Schema.Int, since: Schema.NullOr(Schema.Date) })
  ),
  /**
   * What a person ordered for its rollout. `done_at`: when Nomad said that it did it. `refused`: its words where it did
   * not, and what was ordered stands no more; `by` null: healthy canaries that it did not promote.
   */
  ordered: Schema.NullOr(
    Schema.Struct({
      order: RolloutOrder,
      by: Schema.NullOr(Schema.String),
      why: Schema.NullOr(Schema.String),
      done_at: Schema.NullOr(Schema.Date),
      refused: Schema.NullOr(Schema.String)
    })
  ),
  created_at: Schema.Date,
  submitted_at: Schema.NullOr(Schema.Date),
  accepted_at: Schema.NullOr(Schema.Date),
  changed_at: Schema.Date,
  ended_at: Schema.NullOr(Schema.Date)
}).annotate({ identifier: "Attempt" })
export type AttemptAnswer = typeof AttemptAnswer.Type
