import { Schema } from "effect"
import { AttemptId, AttemptReason } from "./Attempt.ts"
import { Digest } from "./Digest.ts"
import { UnfitReason } from "./Observed.ts"
import { Tag } from "./Tag.ts"
import { VerdictName } from "./Verdict.ts"

/** Time or the world may mend it. */
export const WaitReason = Schema.Literals([
  "nomad_unreachable",
  "forbidden",
  "registry_unreachable",
  "not_viewed_yet",
  "suspect_view",
  "nothing_elected",
  "not_following",
  "tag_missing",
  "auto_deploy_off",
  "held",
  "plan_mode",
  "would_rerun",
  "brake",
  "too_many_rollouts",
  "backing_off"
])
export type WaitReason = typeof WaitReason.Type

/** A person is needed. */
export const StallReason = Schema.Literals([
  ...UnfitReason.literals,
  "unknown_marker",
  "unknown_outcome",
  "rollout_failed",
  "below_what_runs",
  "drift",
  "contested",
  "rejected"
])
export type StallReason = typeof StallReason.Type

/** What a decision is about: the elected tag, and its digest where that is known. */
const target = { tag: Tag, digest: Schema.NullOr(Digest) }

export const InSync = Schema.TaggedStruct("InSync", target)
/** `digest` null: the tag was elected from the listing; its manifest is fetched before the attempt (S10). */
export const Deploy = Schema.TaggedStruct("Deploy", { ...target, reason: AttemptReason })
/** With a reason where the rollout waits for a person. Left out otherwise: the release before knows no such key. */
export const FollowReason = Schema.Literal("awaiting_promotion")
export const Follow = Schema.TaggedStruct("Follow", {
  words: Schema.String,
  reason: Schema.optionalKey(FollowReason)
})
export const Settle = Schema.TaggedStruct("Settle", { attempt: AttemptId })
/** `would`: what would be deployed once nothing stands in the way. */
export const Wait = Schema.TaggedStruct("Wait", {
  reason: WaitReason,
  words: Schema.String,
  would: Schema.NullOr(Schema.Struct(target)),
  verdict: Schema.NullOr(VerdictName)
})
export const Stall = Schema.TaggedStruct("Stall", {
  reason: StallReason,
  words: Schema.String,
  would: Schema.NullOr(Schema.Struct(target))
})

/** The one next step of a repository, with its reason. */
export const Decision = Schema.Union([InSync, Deploy, Follow, Settle, Wait, Stall])
export type Decision = typeof Decision.Type
export type InSync = typeof InSync.Type
export type Deploy = typeof Deploy.Type
export type Follow = typeof Follow.Type
export type Settle = typeof Settle.Type
export type Wait = typeof Wait.Type
export type Stall = typeof Stall.Type
