import { ByteSize, Effect, Fiber, Layer } from "effect"
import { HttpIncomingMessage, HttpServerRequest } from "effect/http"
import { BadRequest, TimedOut, TooLarge, Unsupported } from "../api/ApiError.ts"
import { JsonBody } from "../api/JsonBody.ts"
import type { Limits } from "./limits.ts"

/** Reads the body before its endpoint decodes it: counted while it streams, and against the clock (X11). */
export const jsonBody = ({ body, bodyWithin }: Limits): Layer.Layer<JsonBody> =>
  Layer.succeed(JsonBody, (answer) =>
    Effect.gen(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const encoding = request.headers["content-encoding"] ?? "identity"
      if (encoding !== "identity") {
        return yield* new Unsupported({ message: "a body in a Content-Encoding is not read" })
      }
      // The request keeps the text, and the endpoint decodes that. Interrupted, reading would end the connection
      // before the 408 is on it; so it goes on until the answer closes that.
      const reading = yield* request.text.pipe(
        Effect.provideService(HttpIncomingMessage.MaxBodySize, body),
        Effect.forkDetach
      )
      yield* Fiber.join(reading).pipe(
        Effect.timeout(bodyWithin),
        Effect.catchTags({
          TimeoutError: () => new TimedOut({ message: "the body did not arrive in time" }),
          HttpServerError: ({ reason }) =>
            reason._tag === "RequestParseError" && reason.reason === "BodyTooLarge"
              ? new TooLarge({ message: `the body is larger than ${ByteSize.toNumberUnsafe(body)} bytes` })
              : new BadRequest({ message: "the body can not be read" })
        })
      )
      return yield* answer
    })
  )
