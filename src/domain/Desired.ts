import { Schema } from "effect"
import { AttemptId } from "./Attempt.ts"
import { Digest } from "./Digest.ts"
import { RepositoryName } from "./RepositoryName.ts"
import { RequestKind } from "./RequestKind.ts"
import { Tag } from "./Tag.ts"

/** A pinned tag, or `""`: follow versions. */
export const PinnedTag = Schema.Union([Schema.Literal(""), Tag])
export type PinnedTag = typeof PinnedTag.Type

/** A person's stop of automatic moves; a request passes it and says so. */
export const Hold = Schema.Struct({
  by: Schema.String,
  why: Schema.String,
  until: Schema.NullOr(Schema.Date),
  /** `next_version`: it ends by itself when a version above `left` is elected; under a pin, when anything else is. */
  resume: Schema.Literals(["manual", "next_version"]),
  /** What ran when the hold was set: what a rollback left. Null where that was not known. */
  left: Schema.NullOr(Schema.Struct({ tag: Schema.NullOr(Tag), digest: Schema.NullOr(Digest) }))
})
export type Hold = typeof Hold.Type

/** What the owners of one repository want, as its row in `repository` has it. */
export const Desired = Schema.Struct({
  repository: RepositoryName,
  pinnedTag: PinnedTag,
  autoDeploy: Schema.Boolean,
  hold: Schema.NullOr(Hold),
  /** Raised with every change of this row by a person. */
  generation: Schema.Int,
  /** Generation of the open request, null when none is open. */
  requestedGeneration: Schema.NullOr(Schema.Int),
  requestKind: Schema.NullOr(RequestKind),
  requestedBy: Schema.NullOr(Schema.String),
  /** What a redeploy or rollback names; null: what pin or policy elect. A rollback names both. */
  requestTag: Schema.NullOr(Tag),
  requestDigest: Schema.NullOr(Digest),
  /** An attempt with `unknown_outcome` that a person gave up: the leader ends it as `lost`. */
  abandoned: Schema.NullOr(AttemptId),
  /** Highest target that succeeded since the last pin; a pin sets it. Null before the first. */
  highWaterMark: Schema.NullOr(Tag),
  /** The image that the job is accounted to run: seen first, accepted from us, or brought back by Nomad. */
  baselineTag: Schema.NullOr(Tag),
  baselineDigest: Schema.NullOr(Digest),
  /** Null until the job was seen once: first sight sets it, with or without an image. */
  baselineAt: Schema.NullOr(Schema.Date),
  /** `baselineAt` where every mapped task ran the baseline when it was seen; any other time says nothing of it. */
  baselineAllAt: Schema.NullOr(Schema.Date),
  updatedBy: Schema.String,
  updatedAt: Schema.Date
})
export type Desired = typeof Desired.Type
