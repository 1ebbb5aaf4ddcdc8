import { Schema } from "effect"
import { Blame } from "./Blame.ts"
import { Canaries } from "./Canaries.ts"
import { Digest } from "./Digest.ts"
import { JobRef } from "./JobRef.ts"
import { RepositoryName } from "./RepositoryName.ts"
import { RequestKind } from "./RequestKind.ts"
import { Tag } from "./Tag.ts"

/** The marker that a mapped task's `Meta` carries, and the key of the attempt's row. A UUID. */
export const AttemptId = Schema.String.check(Schema.isUUID()).pipe(Schema.brand("AttemptId"))
export type AttemptId = typeof AttemptId.Type

/** The key under which a task's `Meta` carries the attempt's id. */
export const markerKey = "registrywatcher_attempt"

/**
 * Open: `intended`, `submitted`, `unknown` (at most one a job, S1). Rolling: `accepted`. The others are ends;
 * `conflict`, `rejected`, `lost` and `aborted` made no job version, the last four are a rollout's outcomes.
 */
export const AttemptState = Schema.Literals([
  "intended",
  "submitted",
  "unknown",
  "accepted",
  "conflict",
  "rejected",
  "lost",
  "aborted",
  "succeeded",
  "failed",
  "reverted",
  "superseded"
])
export type AttemptState = typeof AttemptState.Type

/** Where an accepted attempt's rollout stands. */
export const Phase = Schema.Literals(["rolling", "awaiting_promotion", "unplaceable", "slow"])
export type Phase = typeof Phase.Type

/** What a person orders for a rollout that goes on. */
export const RolloutOrder = Schema.Literals(["promote", "fail"])
export type RolloutOrder = typeof RolloutOrder.Type

/** An order that Nomad refused; `by` null: nobody's, its canaries were healthy for long enough. */
export const RefusedOrder = Schema.Struct({
  order: RolloutOrder,
  by: Schema.NullOr(Schema.String),
  why: Schema.NullOr(Schema.String),
  deployment: Schema.String,
  /** Nomad's. */
  words: Schema.String
})
export type RefusedOrder = typeof RefusedOrder.Type

/** Why an attempt was made. */
export const AttemptReason = Schema.Literals(["requested", "new_version", "digest_changed", "drift"])
export type AttemptReason = typeof AttemptReason.Type

/** The durable row of one intended register. Indexes are Nomad's (Raft), times are Postgres's. */
export const Attempt = Schema.Struct({
  id: AttemptId,
  repository: RepositoryName,
  ...JobRef.fields,
  generation: Schema.Int,
  reason: AttemptReason,
  /** Of the request that it answers: it opens again if a rollback swallows the attempt. */
  requestKind: Schema.NullOr(RequestKind),
  requestedBy: Schema.NullOr(Schema.String),
  fromTag: Schema.NullOr(Tag),
  fromDigest: Schema.NullOr(Digest),
  toTag: Tag,
  toDigest: Digest,
  /** As written into `Config.image`. */
  imageSent: Schema.String,
  baseIndex: Schema.Int,
  baseVersion: Schema.Int,
  state: AttemptState,
  phase: Schema.NullOr(Phase),
  submittedAt: Schema.NullOr(Schema.Date),
  acceptedAt: Schema.NullOr(Schema.Date),
  nomadIndex: Schema.NullOr(Schema.Int),
  nomadVersion: Schema.NullOr(Schema.Int),
  evalId: Schema.NullOr(Schema.String),
  deploymentId: Schema.NullOr(Schema.String),
  /** Null unless its canaries wait for their promotion. */
  canaries: Schema.NullOr(Canaries),
  /** Since when they are the same, and all healthy; null while they are not. */
  canariesSince: Schema.NullOr(Schema.Date),
  /** Null: no person ordered anything; canaries that were healthy for long enough are promoted without. */
  ordered: Schema.NullOr(RolloutOrder),
  orderedBy: Schema.NullOr(Schema.String),
  orderedWhy: Schema.NullOr(Schema.String),
  /** The deployment that was or is to be promoted or failed; what is said of another one says nothing of this. */
  orderedDeployment: Schema.NullOr(Schema.String),
  /** When Nomad was told last, and when it said that it is done. */
  orderSentAt: Schema.NullOr(Schema.Date),
  orderDoneAt: Schema.NullOr(Schema.Date),
  /** The last that Nomad refused: it stands no more, and is kept for people. */
  orderRefused: Schema.NullOr(RefusedOrder),
  /** Nomad's words for how it ended, or why it was refused. */
  words: Schema.NullOr(Schema.String),
  /** Whose fault it was; null unless it failed or was reverted. */
  blame: Schema.NullOr(Blame),
  /** SHA-256 of the job sent; never the job itself, which may hold secrets. */
  jobHash: Schema.NullOr(Schema.String),
  /** Of the config entry that it was decided under; null of those from before this was kept. */
  fingerprint: Schema.NullOr(Schema.String),
  createdAt: Schema.Date,
  changedAt: Schema.Date,
  endedAt: Schema.NullOr(Schema.Date)
})
export type Attempt = typeof Attempt.Type

/** A rollout that goes on, and not as it should: a request for the same target makes another attempt (`design.md` §4). */
export const isStuck = (phase: Phase | null): phase is "slow" | "unplaceable" =>
  phase === "slow" || phase === "unplaceable"

/** What a person ordered of the deployment that the attempt has now; null: nothing. */
export const standingOrder = ({ ordered, orderedDeployment, deploymentId }: Attempt): RolloutOrder | null =>
  orderedDeployment === deploymentId ? ordered : null

/** What Nomad refused to do with that deployment, where nobody ordered something else since; null: nothing. */
export const refusedOrder = (attempt: Attempt): RefusedOrder | null => {
  const { orderRefused, deploymentId } = attempt
  return orderRefused?.deployment === deploymentId && standingOrder(attempt) === null ? orderRefused : null
}

/** A person said that this rollout is to fail: no automatic move goes on from it before it has. */
export const isBeingFailed = (attempt: Attempt): boolean => standingOrder(attempt) === "fail"

export const isOpen = ({ state }: Pick<Attempt, "state">): boolean =>
  state === "intended" || state === "submitted" || state === "unknown"
