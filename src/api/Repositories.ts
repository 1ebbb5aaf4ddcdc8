import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { AttemptId } from "../domain/Attempt.ts"
import { BadRequest, NotFound, Unavailable } from "./ApiError.ts"
import { AttemptAnswer } from "./AttemptAnswer.ts"
import { Access, Authorization } from "./Authorization.ts"
import { PlanAnswer } from "./PlanAnswer.ts"
import { limitOf } from "./limitOf.ts"
import { etag } from "./precondition.ts"
import { retryAfter } from "./retryAfter.ts"
import { PastDecisionAnswer, RepositoryAnswer, RepositorySummary, TagAnswer } from "./RepositoryAnswer.ts"

/** The one segment of the path that names a repository; a slash in it is `%2F`. */
export const inPath = {
  repository: Schema.String.annotate({ description: "as in the config; a slash is %2F" })
}

/** What is known of repositories. One that is not watched, and one that the token does not name, are both 404. */
export class Repositories extends HttpApiGroup.make("repositories")
  .add(
    HttpApiEndpoint.get("repositories", "/v1/repositories", {
      success: Schema.Struct({ repositories: Schema.Array(RepositorySummary) })
    })
      .annotate(Access, "read")
      .annotate(OpenApi.Summary, "Every repository, and why it is or is not being deployed"),
    HttpApiEndpoint.get("repository", "/v1/repositories/:repository", {
      params: inPath,
      success: HttpApiSchema.WithHeaders(RepositoryAnswer, etag),
      error: NotFound
    })
      .annotate(Access, "read")
      .annotate(OpenApi.Summary, "One repository: what is wanted, what runs, what was decided, and why"),
    HttpApiEndpoint.get("tags", "/v1/repositories/:repository/tags", {
      params: inPath,
      query: { limit: limitOf(100, 1000) },
      success: Schema.Struct({ tags: Schema.Array(TagAnswer) }),
      error: [BadRequest, NotFound]
    })
      .annotate(Access, "read")
      .annotate(OpenApi.Summary, "Its tags, the newest first, and why each is or is not elected"),
    HttpApiEndpoint.get("plan", "/v1/repositories/:repository/plan", {
      params: inPath,
      success: HttpApiSchema.WithHeaders(PlanAnswer, retryAfter),
      error: [NotFound, Unavailable]
    })
      // It asks registry and Nomad, as `check` does.
      .annotate(Access, "operate")
      .annotate(OpenApi.Summary, "What would be deployed now, with Nomad's own diff; nothing is written"),
    HttpApiEndpoint.get("attempts", "/v1/repositories/:repository/attempts", {
      params: inPath,
      query: {
        limit: limitOf(50, 500),
        before: Schema.optionalKey(
          AttemptId.annotate({ description: "only those before this one: `next` of the page before" })
        )
      },
      success: Schema.Struct({
        attempts: Schema.Array(AttemptAnswer),
        /** The `before` of the next page; null where this is the last. */
        next: Schema.NullOr(AttemptId)
      }),
      error: [BadRequest, NotFound]
    })
      .annotate(Access, "read")
      .annotate(OpenApi.Summary, "What was tried and what became of it, the newest first"),
    HttpApiEndpoint.get("attempt", "/v1/attempts/:attempt", {
      params: { attempt: Schema.String },
      success: AttemptAnswer,
      error: NotFound
    })
      .annotate(Access, "read")
      .annotate(OpenApi.Summary, "One attempt, by the marker that the job carries"),
    HttpApiEndpoint.get("decisions", "/v1/repositories/:repository/decisions", {
      params: inPath,
      query: { limit: limitOf(50, 500) },
      success: Schema.Struct({ decisions: Schema.Array(PastDecisionAnswer) }),
      error: [BadRequest, NotFound]
    })
      .annotate(Access, "read")
      .annotate(OpenApi.Summary, "What was decided, the newest first; 90 days are kept")
  )
  .middleware(Authorization) {}
