import { Schema } from "effect"
import { AttemptId, AttemptReason } from "../domain/Attempt.ts"
import { FollowReason, StallReason, WaitReason } from "../domain/Decision.ts"
import { Hold, PinnedTag } from "../domain/Desired.ts"
import { Digest } from "../domain/Digest.ts"
import { JobRef } from "../domain/JobRef.ts"
import { UnfitReason, Unread } from "../domain/Observed.ts"
import { RepositoryName } from "../domain/RepositoryName.ts"
import { RequestKind } from "../domain/RequestKind.ts"
import { Tag } from "../domain/Tag.ts"
import { VerdictName } from "../domain/Verdict.ts"
import { Suspicion } from "../domain/View.ts"

/** A tag, and its digest where that is known. */
export const TargetAnswer = Schema.Struct({ tag: Tag, digest: Schema.NullOr(Digest) })

/** What the owners want. `generation` is the `ETag`, and what `If-Match` is held against. */
export const DesiredAnswer = Schema.Struct({
  generation: Schema.Int,
  pinned_tag: PinnedTag,
  auto_deploy: Schema.Boolean,
  hold: Schema.NullOr(Hold),
  /** A person's order that was not taken or refused yet. `tag` null: what pin or policy elect. */
  request: Schema.NullOr(
    Schema.Struct({
      generation: Schema.Int,
      kind: RequestKind,
      by: Schema.String,
      tag: Schema.NullOr(Tag),
      digest: Schema.NullOr(Digest)
    })
  ),
  high_water_mark: Schema.NullOr(Tag),
  updated_by: Schema.String,
  updated_at: Schema.Date
}).annotate({ identifier: "Desired" })

/** The one next step, with its reason. `target`: what it is about, or would deploy if nothing stood in the way. */
export const DecisionAnswer = Schema.Struct({
  decision: Schema.Literals(["in_sync", "deploy", "follow", "settle", "wait", "stall"]),
  reason: Schema.NullOr(Schema.Union([AttemptReason, WaitReason, StallReason, FollowReason])),
  words: Schema.NullOr(Schema.String),
  target: Schema.NullOr(TargetAnswer),
  attempt: Schema.NullOr(AttemptId),
  verdict: Schema.NullOr(VerdictName),
  since: Schema.Date
}).annotate({ identifier: "Decision" })

/** A decision that stood once. */
export const PastDecisionAnswer = Schema.Struct({
  ...DecisionAnswer.fields,
  /** Null: it stands. */
  until: Schema.NullOr(Schema.Date)
}).annotate({ identifier: "PastDecision" })

/** What Nomad said last. `tasks` is empty where `reason` is not null: the job can not be acted on, or not be read. */
export const ObservedAnswer = Schema.Struct({
  at: Schema.NullOr(Schema.Date),
  reason: Schema.NullOr(Schema.Union([Unread.fields.reason, UnfitReason])),
  words: Schema.NullOr(Schema.String),
  version: Schema.NullOr(Schema.Int),
  tasks: Schema.Array(
    Schema.Struct({
      group: Schema.String,
      task: Schema.String,
      image: Schema.String,
      tag: Schema.NullOr(Tag),
      digest: Schema.NullOr(Digest),
      attempt: Schema.NullOr(AttemptId)
    })
  ),
  deployment: Schema.NullOr(
    Schema.Struct({
      id: Schema.String,
      status: Schema.String,
      description: Schema.String,
      job_version: Schema.Int,
      requires_promotion: Schema.Boolean
    })
  )
}).annotate({ identifier: "Observed" })

/** The last good answer of the registry. */
export const ViewAnswer = Schema.Struct({
  taken_at: Schema.Date,
  age_seconds: Schema.Int,
  /** How many tags it has; null where only a pin's digest was ever asked for. */
  tags: Schema.NullOr(Schema.Int),
  suspect: Schema.NullOr(Suspicion),
  /** What is behind `suspect`: how many tags were listed and how many are lost, some of those, and what of them runs. */
  doubt: Schema.NullOr(
    Schema.Struct({
      listed: Schema.Int,
      lost: Schema.Int,
      sample: Schema.Array(Tag),
      running: Schema.Array(Tag),
      since: Schema.Date
    })
  )
}).annotate({ identifier: "View" })

const summary = {
  name: RepositoryName,
  mode: Schema.Literals(["act", "plan"]),
  job: JobRef,
  /** One sentence: what runs, what is wanted, why it is or is not being deployed, and what would mend that. */
  why: Schema.String,
  desired: DesiredAnswer,
  /** Null before the first pass. */
  decision: Schema.NullOr(DecisionAnswer),
  /** When the registry last answered as it should. */
  checked_at: Schema.NullOr(Schema.Date),
  /** That is longer ago than two intervals and 30 s: the registry does not answer, or no instance leads. */
  stale: Schema.Boolean
}

/** One of many; `runs` are the tags that the job's tasks have, each once. */
export const RepositorySummary = Schema.Struct({ ...summary, runs: Schema.Array(Tag) }).annotate({
  identifier: "RepositorySummary"
})

export const RepositoryAnswer = Schema.Struct({
  ...summary,
  /** What pin or policy elect in the stored view; null where nothing is. */
  elected: Schema.NullOr(TargetAnswer),
  view: Schema.NullOr(ViewAnswer),
  observed: Schema.NullOr(ObservedAnswer)
}).annotate({ identifier: "Repository" })

export const TagAnswer = Schema.Struct({
  tag: Tag,
  /** `not_pinned`: another tag is pinned, and this one is not compared. */
  verdict: Schema.Literals([...VerdictName.literals, "not_pinned"]),
  /** Why its digest is in quarantine, and until when; `until` null: until another digest or a person. */
  quarantine: Schema.NullOr(Schema.Struct({ why: Schema.String, until: Schema.NullOr(Schema.Date) })),
  first_seen: Schema.Date,
  digest: Schema.NullOr(Digest)
}).annotate({ identifier: "Tag" })
