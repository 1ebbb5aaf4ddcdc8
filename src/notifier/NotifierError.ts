import { Schema } from "effect"

/** The receiver will not have this message: a 4xx, or a redirect, which is not followed. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", { status: Schema.Int }) {}
/** No answer, 408, 429 or 5xx: time may mend it. */
export class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", {
  words: Schema.String,
  /** Milliseconds that the receiver asked to wait, if it did. */
  retryAfter: Schema.NullOr(Schema.Int)
}) {}

/** A message that was not taken. Neither the address, which is a secret, nor what the receiver wrote is in it (X6). */
export class NotifierError extends Schema.TaggedError<NotifierError>()("NotifierError", {
  reason: Schema.Union([Refused, Unavailable])
}) {
  override readonly message =
    this.reason._tag === "Refused"
      ? `the receiver refused the message with ${this.reason.status}`
      : `the receiver did not take the message: ${this.reason.words}`

  /** False: the same message would be refused again. */
  get isRetryable() {
    return this.reason._tag === "Unavailable"
  }
}
