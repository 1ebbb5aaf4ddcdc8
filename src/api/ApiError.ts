import { Schema } from "effect"

// `_tag` exists in TypeScript and is left out on the wire: every error body is {"message": "…"} (X22).
const fields = <const Name extends string>(name: Name) => ({
  _tag: Schema.tagDefaultOmit(name),
  message: Schema.String
})

export class BadRequest extends Schema.Error<BadRequest>("BadRequest")(fields("BadRequest"), {
  httpApiStatus: 400
}) {}
/** No token where one is needed, or one that is unknown, revoked or expired. */
export class Unauthorized extends Schema.Error<Unauthorized>("Unauthorized")(fields("Unauthorized"), {
  httpApiStatus: 401
}) {}
/** The token's role is too low, or it speaks for some repositories only. */
export class Forbidden extends Schema.Error<Forbidden>("Forbidden")(fields("Forbidden"), {
  httpApiStatus: 403
}) {}
/** There is no such thing, or the caller may not see it: both look the same (X22). */
export class NotFound extends Schema.Error<NotFound>("NotFound")(fields("NotFound"), {
  httpApiStatus: 404
}) {}
/** The body did not arrive in time. */
export class TimedOut extends Schema.Error<TimedOut>("TimedOut")(fields("TimedOut"), {
  httpApiStatus: 408
}) {}
/** What is asked for can not be done as things stand; nothing was changed. */
export class Conflict extends Schema.Error<Conflict>("Conflict")(fields("Conflict"), {
  httpApiStatus: 409
}) {}
/** `If-Match` is missing, or names a state that is no more; nothing was changed. */
export class PreconditionFailed extends Schema.Error<PreconditionFailed>("PreconditionFailed")(
  fields("PreconditionFailed"),
  { httpApiStatus: 412 }
) {}
export class TooLarge extends Schema.Error<TooLarge>("TooLarge")(fields("TooLarge"), {
  httpApiStatus: 413
}) {}
/** A body in a `Content-Encoding`; the `Content-Type` is never looked at. */
export class Unsupported extends Schema.Error<Unsupported>("Unsupported")(fields("Unsupported"), {
  httpApiStatus: 415
}) {}
export class TooMany extends Schema.Error<TooMany>("TooMany")(fields("TooMany"), {
  httpApiStatus: 429
}) {}
export class Internal extends Schema.Error<Internal>("Internal")(fields("Internal"), {
  httpApiStatus: 500
}) {}
/** The database does not answer, or the registry and no view of it: the same call may succeed later. */
export class Unavailable extends Schema.Error<Unavailable>("Unavailable")(fields("Unavailable"), {
  httpApiStatus: 503
}) {}
