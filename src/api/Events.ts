import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { TooMany } from "./ApiError.ts"
import { Access, Authorization } from "./Authorization.ts"
import { BrakeAnswer } from "./BrakeAnswer.ts"
import { RepositorySummary, TargetAnswer } from "./RepositoryAnswer.ts"

/** `data` of an event `repository`: sent for each when a listener comes, and whenever anything of it changes. */
export const RepositoryEvent = Schema.Struct({
  ...RepositorySummary.fields,
  /** As elsewhere, without when the registry was last read: that changes with nothing else. */
  why: Schema.String,
  /** What pin or policy elect in the stored view; null where nothing is. */
  elected: Schema.NullOr(TargetAnswer),
  /** Postgres's clock, to tell ages by. */
  read_at: Schema.Date
}).annotate({ identifier: "RepositoryEvent" })
export type RepositoryEvent = typeof RepositoryEvent.Type

/** `data` of the event `begin`, the first: all that the caller may see, in the order of the config. */
export const BeginEvent = Schema.Struct({ repositories: Schema.Array(Schema.String) })
/** `data` of an event `brake`. */
export const BrakeEvent = Schema.Struct({ brake: Schema.NullOr(BrakeAnswer) })
/** `data` of an event `trouble`: why nothing changes any more; null once it does again. */
export const TroubleEvent = Schema.Struct({ message: Schema.NullOr(Schema.String) })

/** What is going on, as it happens; any instance has it, whoever leads. */
export class Events extends HttpApiGroup.make("events")
  .add(
    HttpApiEndpoint.get("events", "/v1/events", {
      success: Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/event-stream" })),
      error: TooMany
    })
      .annotate(Access, "read")
      .annotate(
        OpenApi.Summary,
        "Server-sent events: `begin`, then `repository`, `brake` and `trouble` as they are and whenever they change"
      )
      .annotate(
        OpenApi.Description,
        "A comment at least every 15 seconds. It ends after five minutes, so that a revoked token reads no longer: ask again, and all is sent anew."
      )
  )
  .middleware(Authorization) {}
