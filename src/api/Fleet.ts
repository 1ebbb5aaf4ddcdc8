import { Schema } from "effect"
import { HttpApi, HttpApiEndpoint, HttpApiGroup, OpenApi } from "effect/http-api"
import { AttemptId } from "../domain/Attempt.ts"
import { AuditEntry } from "../domain/AuditEntry.ts"
import { RepositoryName } from "../domain/RepositoryName.ts"
import { BadRequest, Conflict, NotFound, PreconditionFailed } from "./ApiError.ts"
import { Access, Authorization, Unrestricted } from "./Authorization.ts"
import { BrakeAnswer, ReleaseBody, ReleasedAnswer } from "./BrakeAnswer.ts"
import { JsonBody } from "./JsonBody.ts"
import { limitOf } from "./limitOf.ts"

/** What is about all repositories at once. */
export class Fleet extends HttpApiGroup.make("fleet")
  .add(
    HttpApiEndpoint.get("brake", "/v1/brake", {
      success: Schema.Struct({ brake: Schema.NullOr(BrakeAnswer) })
    })
      .annotate(Access, "read")
      .annotate(OpenApi.Summary, "The brake over all repositories: since when, and the moves that it stops"),
    HttpApiEndpoint.post("releaseBrake", "/v1/brake/release", {
      payload: ReleaseBody,
      success: ReleasedAnswer,
      error: [BadRequest, Conflict, PreconditionFailed]
    })
      .middleware(JsonBody)
      .annotate(Access, "operate")
      .annotate(Unrestricted, true)
      .annotate(OpenApi.Summary, "Let go the moves that the brake stops; 412 where another brake stands"),
    HttpApiEndpoint.post("adoptAll", "/v1/adopt", {
      success: Schema.Struct({
        message: Schema.String,
        /** The markers that were adopted, by repository. */
        adopted: Schema.Record(Schema.String, Schema.Array(AttemptId))
      }),
      error: BadRequest
    })
      .annotate(Access, "operate")
      .annotate(Unrestricted, true)
      .annotate(OpenApi.Summary, "Speak for every marker that this database does not know"),
    // The whole of it names people, their addresses and tokens: it is for admins (X8).
    HttpApiEndpoint.get("audit", "/v1/audit", {
      query: {
        repository: Schema.optionalKey(
          RepositoryName.annotate({
            description: "of this one alone; a token for some repositories has to name it"
          })
        ),
        limit: limitOf(100, 1000)
      },
      success: Schema.Struct({ entries: Schema.Array(AuditEntry) }),
      error: [BadRequest, NotFound]
    })
      .annotate(Access, "admin")
      .annotate(OpenApi.Summary, "Who changed what, when, from where and why, the newest first")
  )
  .annotate(HttpApi.PayloadParseOptions, { onExcessProperty: "error" })
  .middleware(Authorization) {}
