import { Schema } from "effect"
import { Digest } from "../domain/Digest.ts"
import { Tag } from "../domain/Tag.ts"

const cause = Schema.Defect()
/** Milliseconds that the registry asked to wait (`Retry-After`, capped), if it did. */
const retryAfter = Schema.NullOr(Schema.Int)

/** 404 on a manifest: the repository has no such tag, or no such digest where that was asked for. */
export class TagNotFound extends Schema.TaggedError<TagNotFound>()("TagNotFound", {
  tag: Schema.Union([Tag, Digest])
}) {}
/** 404 on the listing: never pushed to, deleted, or only blobs so far. Not a proof of deletion. */
export class RepositoryNotFound extends Schema.TaggedError<RepositoryNotFound>()("RepositoryNotFound", {}) {}
/** 401 after the credentials were tried, or 403. */
export class AccessDenied extends Schema.TaggedError<AccessDenied>()("AccessDenied", {
  status: Schema.Int,
  words: Schema.String
}) {}
/** An answer outside the protocol, or over a cap (X13): the view is rejected whole (S9). */
export class Malformed extends Schema.TaggedError<Malformed>()("Malformed", { words: Schema.String }) {}
/** The manifest is no image and no index of images (S10). */
export class NotAnImage extends Schema.TaggedError<NotAnImage>()("NotAnImage", {
  mediaType: Schema.String
}) {}
/** Refused, reset, timed out, 408, 429 or 5xx: time may mend it. */
export class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", {
  words: Schema.String,
  retryAfter,
  cause
}) {}

const Reason = Schema.Union([
  TagNotFound,
  RepositoryNotFound,
  AccessDenied,
  Malformed,
  NotAnImage,
  Unavailable
])
export type RegistryReason = typeof Reason.Type

/** What every method of `RegistryClient` fails with: where it happened, and one reason. */
export class RegistryError extends Schema.TaggedError<RegistryError>()("RegistryError", {
  registry: Schema.String,
  image: Schema.String,
  reason: Reason
}) {
  // Without this the log ends at the reason's name and never shows what lay beneath it.
  override readonly cause = this.reason
  override readonly message = `registry ${this.registry}, ${this.image}: ${describe(this.reason)}`

  /** False when waiting cannot mend it. */
  get isRetryable() {
    return this.reason._tag === "Unavailable"
  }
}

function describe(reason: RegistryReason): string {
  switch (reason._tag) {
    case "TagNotFound":
      return `no tag ${reason.tag}`
    case "RepositoryNotFound":
      return "no such repository"
    case "AccessDenied":
      return `access denied (${reason.status}): ${reason.words}`
    case "NotAnImage":
      return `not an image: ${reason.mediaType}`
    case "Malformed":
    case "Unavailable":
      return reason.words
  }
}
