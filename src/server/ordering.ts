import { Effect } from "effect"
import { HttpApiBuilder, HttpApiSchema } from "effect/http-api"
import { Api } from "../api/Api.ts"
import type { Watched } from "../domain/Watched.ts"
import { StateStore } from "../store/StateStore.ts"
import { etagOf, type Expected, expected } from "./expected.ts"
import { hold, releaseHold } from "./hold.ts"
import type { Limits } from "./limits.ts"
import { type Ordered, reset, setTag } from "./orders.ts"
import { orUnavailable } from "./orUnavailable.ts"
import { redeploy } from "./redeploy.ts"
import { rollback } from "./rollback.ts"
import { fail, promote } from "./rollout.ts"
import type { ServerSettings } from "./ServerSettings.ts"
import { showDesired } from "./shown.ts"
import { abandon, acceptView, adopt } from "./spokenFor.ts"
import { findWatched } from "./watchedFor.ts"

/** Handlers of what a person orders under `/v1`. */
export const ordering = ({ watched }: Pick<ServerSettings, "watched">, limits: Limits) =>
  HttpApiBuilder.group(
    Api,
    "orders",
    Effect.fnUntraced(function* (handlers) {
      const store = yield* StateStore

      /** Finds the repository, holds `If-Match` against it, and answers what was committed. */
      const order = Effect.fnUntraced(function* <E, R>(
        { params, headers }: Asked,
        done: (watched: Watched, expected: Expected) => Effect.Effect<Ordered, E, R>
      ) {
        const one = yield* findWatched(watched, params.repository)
        const { message, desired } = yield* done(one, yield* expected(one.name, headers["if-match"]))
        return HttpApiSchema.withHeaders({
          body: { message, desired: showDesired(desired) },
          headers: { etag: etagOf(desired) }
        })
      })

      return handlers.handleAll({
        change: (asked) => order(asked, (one, at) => setTag(one, asked.payload, limits, at)),
        resetToVersions: (asked) => order(asked, reset),
        redeploy: (asked) => order(asked, (one, at) => redeploy(one, asked.payload?.tag, at, limits)),
        hold: (asked) => order(asked, (one, at) => hold(one, asked.payload, at)),
        releaseHold: (asked) => order(asked, releaseHold),
        rollback: (asked) => order(asked, (one, at) => rollback(one, asked.payload ?? {}, at, limits)),
        acceptView: (asked) => order(asked, acceptView),
        adopt: (asked) => order(asked, adopt),
        abandon: (asked) => order(asked, (one) => abandon(one, asked.params.attempt)),
        promote: (asked) => order(asked, (one, at) => promote(one, asked.params.attempt, at)),
        fail: (asked) => order(asked, (one, at) => fail(one, asked.params.attempt, asked.payload?.why, at)),
        check: Effect.fnUntraced(function* ({ params }) {
          const { name } = yield* findWatched(watched, params.repository)
          yield* orUnavailable(store.checkNow(name))
          return { message: `${name} is checked now` }
        })
      })
    })
  )

interface Asked {
  readonly params: { readonly repository: string }
  readonly headers: { readonly "if-match"?: string }
}
