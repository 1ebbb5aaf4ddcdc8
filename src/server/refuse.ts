import { Cause, Effect, SchemaIssue } from "effect"
import { HttpServerError, HttpServerResponse } from "effect/http"
import { HttpApiError } from "effect/http-api"

/** An answer that is nothing but a sentence. */
export const refuse = (status: number, message: string): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.jsonUnsafe({ message }, { status })

/**
 * The answer for what went wrong outside the API's own errors: typed and generic, without stack, SQL, host or
 * token (X22). What is our own fault is logged with its cause.
 */
export const refuseCause = (
  cause: Cause.Cause<unknown>
): Effect.Effect<HttpServerResponse.HttpServerResponse> => {
  const error = Cause.squash(cause)
  if (HttpServerError.isHttpServerError(error) && error.reason._tag === "RouteNotFound") {
    return Effect.succeed(refuse(404, "there is nothing at this path"))
  }
  if (
    HttpApiError.HttpApiSchemaError.is(error) &&
    error.kind !== "Body" &&
    error.kind !== "ResponseHeaders"
  ) {
    return Effect.succeed(refuse(400, wordsOf(error)))
  }
  return Effect.as(
    Effect.logError("request failed", cause),
    refuse(500, "internal error; the log of this instance has more")
  )
}

const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** `body.pinned_tag: Expected a tag …`; never what was sent. */
const wordsOf = ({ kind, cause }: HttpApiError.HttpApiSchemaError): string => {
  const part = kind === "Payload" ? "body" : kind.toLowerCase()
  const { issues } = format(cause.issue)
  return issues
    .map(({ path, message }) => `${[part, ...(path ?? []).map(String)].join(".")}: ${message}`)
    .join("; ")
}
