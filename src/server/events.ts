import { Effect } from "effect"
import { HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Api } from "../api/Api.ts"
import { TooMany } from "../api/ApiError.ts"
import { Caller } from "../api/Authorization.ts"
import { Feed } from "./Feed.ts"

/** Handler of the event stream. */
export const events = HttpApiBuilder.group(
  Api,
  "events",
  Effect.fnUntraced(function* (handlers) {
    const feed = yield* Feed
    return handlers.handleAll({
      events: Effect.fnUntraced(function* () {
        const { name, from, repositories: own } = yield* Caller
        const stream = yield* feed.listen({ own, name: `${name} ${from}` })
        if (stream === null)
          return yield* new TooMany({ message: "too many listen already; try again later" })
        return HttpServerResponse.stream(stream, {
          contentType: "text/event-stream",
          // Otherwise nginx keeps them until its buffer is full.
          headers: { "x-accel-buffering": "no" }
        })
      })
    })
  })
)
