import { Schema } from "effect"
import { Digest } from "../domain/Digest.ts"
import { RepositoryName } from "../domain/RepositoryName.ts"
import { Tag } from "../domain/Tag.ts"
import { body } from "./body.ts"

/** An automatic move that no push explains. `digest` null: nobody asked for it yet. */
const MoveAnswer = Schema.Struct({ repository: RepositoryName, tag: Tag, digest: Schema.NullOr(Digest) })

/** A time for which automatic moves were paused. A token for some repositories sees the moves of those. */
export const BrakeAnswer = Schema.Struct({
  /** What a release names. */
  id: Schema.Int,
  since: Schema.Date,
  stopped: Schema.Array(MoveAnswer),
  /** Null while it stands, like the two after it. */
  released_at: Schema.NullOr(Schema.Date),
  released_by: Schema.NullOr(Schema.String),
  released: Schema.NullOr(Schema.Array(MoveAnswer))
}).annotate({ identifier: "Brake" })

/** The brake that was looked at, and of which repositories the moves are let go; all, if left out. */
export const ReleaseBody = body({
  id: Schema.Int.annotate({ expected: "the id of the brake, as GET /v1/brake has it" }),
  repositories: Schema.optionalKey(Schema.NonEmptyArray(RepositoryName))
})

export const ReleasedAnswer = Schema.Struct({
  message: Schema.String,
  /** The moves that are let go. */
  released: Schema.Array(MoveAnswer)
})
