import { Schema } from "effect"
import { StallReason } from "./Decision.ts"
import { RepositoryName } from "./RepositoryName.ts"
import { Tag } from "./Tag.ts"

const move = { repository: RepositoryName, job: Schema.String, tag: Tag }
/** Why, in Nomad's words. */
const words = Schema.NullOr(Schema.String)

/** Something that people are told: facts alone, as the triggers of `migrations/0007/told.ts` write them. */
export const Notice = Schema.Union([
  /** Nomad took the register. */
  Schema.TaggedStruct("Deploying", move),
  /** A pinned tag has another digest; `Deploying` follows. */
  Schema.TaggedStruct("DigestChanged", move),
  Schema.TaggedStruct("Succeeded", move),
  /** Failed, or reverted by Nomad. */
  Schema.TaggedStruct("Failed", { ...move, words }),
  /** Nomad refused the job itself. */
  Schema.TaggedStruct("Rejected", { ...move, words }),
  /** A person switched `auto_deploy`. */
  Schema.TaggedStruct("Switched", { repository: RepositoryName, on: Schema.Boolean }),
  /** A person is needed. */
  Schema.TaggedStruct("Stalled", { repository: RepositoryName, reason: StallReason, words }),
  /** Canaries that nobody but a person promotes. */
  Schema.TaggedStruct("AwaitingPromotion", { ...move, words }),
  /** Automatic moves pause, of all repositories (S17); `repositories` are the first 30 of `moves`. */
  Schema.TaggedStruct("BrakeOn", {
    repository: Schema.Null,
    moves: Schema.Int,
    repositories: Schema.Array(Schema.String)
  }),
  Schema.TaggedStruct("BrakeReleased", {
    repository: Schema.Null,
    moves: Schema.Int,
    repositories: Schema.Array(Schema.String),
    who: Schema.NullOr(Schema.String)
  })
])
export type Notice = typeof Notice.Type

/** One that was not told yet. */
export const Untold = Schema.Struct({
  /** The order in which a repository's notices are told. */
  id: Schema.Int,
  /** By which a receiver knows one that it had already; a UUID. */
  message: Schema.String,
  /** When it happened, by Postgres's clock. */
  at: Schema.Date,
  /** How often the receiver refused it. */
  tries: Schema.Int,
  /** So many older ones were given up for this one to be told. */
  dropped: Schema.Int,
  notice: Notice
})
export type Untold = typeof Untold.Type
