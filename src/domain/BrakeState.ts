import { Schema } from "effect"
import { Digest } from "./Digest.ts"
import { RepositoryName } from "./RepositoryName.ts"
import { Tag } from "./Tag.ts"

/** An automatic move that no push explains (S17). */
export const Move = Schema.Struct({
  repository: RepositoryName,
  tag: Tag,
  /** Null: the tag was elected from a listing, and nobody asked for its digest yet. */
  digest: Schema.NullOr(Digest)
})
export type Move = typeof Move.Type

/** A time for which automatic moves were paused: the standing one, or one that is over. */
export const BrakeState = Schema.Struct({
  id: Schema.Int,
  since: Schema.Date,
  /** One a repository, the latest. */
  stopped: Schema.Array(Move),
  /** Null while it stands. */
  releasedAt: Schema.NullOr(Schema.Date),
  releasedBy: Schema.NullOr(Schema.String),
  /** What the release let go; null while it stands. */
  released: Schema.NullOr(Schema.Array(Move))
})
export type BrakeState = typeof BrakeState.Type

/** What pauses automatic moves that no push explains: `[brake]` in the configuration. */
export interface BrakeLimit {
  /** Of the repositories, 0 to 1: more than that many … */
  readonly share: number
  /** … and at least so many. */
  readonly count: number
}
