import { HttpApiMiddleware } from "effect/http-api"
import { BadRequest, TimedOut, TooLarge, Unsupported } from "./ApiError.ts"

/** Reads the body under its caps (X11), once the caller may call at all. */
export class JsonBody extends HttpApiMiddleware.Service<JsonBody>()("registrywatcher/api/JsonBody", {
  error: [BadRequest, TimedOut, TooLarge, Unsupported]
}) {}
