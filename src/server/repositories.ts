import { Effect, Schema } from "effect"
import { HttpApiBuilder, HttpApiSchema } from "effect/http-api"
import { Api } from "../api/Api.ts"
import { NotFound, Unavailable } from "../api/ApiError.ts"
import { Caller } from "../api/Authorization.ts"
import { AttemptId } from "../domain/Attempt.ts"
import { Foresight } from "../foresee/Foresight.ts"
import { StateStore } from "../store/StateStore.ts"
import { Catalogue, readEntry, wantedTag } from "./Catalogue.ts"
import { etagOf } from "./expected.ts"
import { orUnavailable } from "./orUnavailable.ts"
import type { ServerSettings } from "./ServerSettings.ts"
import {
  runningTags,
  showAttempt,
  showDecision,
  showObserved,
  showPlan,
  showTarget,
  showView
} from "./shown.ts"
import { summarise } from "./summarise.ts"
import { why } from "./why.ts"
import { verdicts } from "./verdicts.ts"
import { findWatched, visible } from "./watchedFor.ts"

const isAttemptId = Schema.is(AttemptId)
const noAttempt = new NotFound({ message: "there is no such attempt" })

/** Handlers of what `/v1` shows of repositories. */
export const repositories = ({ watched, pollInterval }: Pick<ServerSettings, "watched" | "pollInterval">) =>
  HttpApiBuilder.group(
    Api,
    "repositories",
    Effect.fnUntraced(function* (handlers) {
      const store = yield* StateStore
      const catalogue = yield* Catalogue
      const foresight = yield* Foresight

      return handlers.handleAll({
        repositories: Effect.fnUntraced(function* () {
          const seen = yield* visible(watched)
          const entries = yield* orUnavailable(catalogue.read(seen.map(({ name }) => name)))
          return {
            repositories: seen.flatMap((one) => {
              const entry = entries.get(one.name)
              return entry === undefined
                ? []
                : [
                    {
                      ...summarise(one, entry, pollInterval, why(one, entry, pollInterval)),
                      runs: runningTags(entry.observed)
                    }
                  ]
            })
          }
        }),
        repository: Effect.fnUntraced(function* ({ params }) {
          const one = yield* findWatched(watched, params.repository)
          const entry = yield* readEntry(one.name)
          const { status, view, observed } = entry
          const elected = wantedTag(entry)
          return HttpApiSchema.withHeaders({
            body: {
              ...summarise(one, entry, pollInterval, why(one, entry, pollInterval)),
              elected: elected._tag === "Elected" ? showTarget(elected, view) : null,
              view: view === null ? null : showView(view, status.readAt),
              observed: observed === null ? null : showObserved(observed, status.observedAt)
            },
            headers: { etag: etagOf(status.desired) }
          })
        }),
        tags: Effect.fnUntraced(function* ({ params, query }) {
          const { name } = yield* findWatched(watched, params.repository)
          const entry = yield* readEntry(name)
          const rows = yield* orUnavailable(store.tags(name, query.limit ?? 100))
          return { tags: verdicts(entry, rows) }
        }),
        plan: Effect.fnUntraced(function* ({ params }) {
          const one = yield* findWatched(watched, params.repository)
          const foretold = yield* foresight.foretell(one.name).pipe(
            Effect.catchTags({
              Crowded: ({ message }) => new Unavailable({ message }),
              StoreError: (error) => orUnavailable(Effect.fail(error))
            })
          )
          const seconds = Math.ceil(foretold.retryIn / 1000)
          return HttpApiSchema.withHeaders({
            body: showPlan(foretold),
            headers: seconds === 0 ? {} : { "retry-after": String(seconds) }
          })
        }),
        attempts: Effect.fnUntraced(function* ({ params, query: { limit = 50, before = null } }) {
          const { name } = yield* findWatched(watched, params.repository)
          // One more than is shown tells whether there is another page.
          const attempts = yield* orUnavailable(store.attempts(name, limit + 1, before))
          const shown = attempts.slice(0, limit)
          return {
            attempts: shown.map(showAttempt),
            next: attempts.length > limit ? (shown.at(-1)?.id ?? null) : null
          }
        }),
        attempt: Effect.fnUntraced(function* ({ params: { attempt: id } }) {
          const { repositories: own } = yield* Caller
          const attempt = isAttemptId(id) ? yield* orUnavailable(store.attempt(id)) : null
          if (attempt === null) return yield* noAttempt
          return own === null || own.includes(attempt.repository) ? showAttempt(attempt) : yield* noAttempt
        }),
        decisions: Effect.fnUntraced(function* ({ params, query: { limit = 50 } }) {
          const { name } = yield* findWatched(watched, params.repository)
          const decisions = yield* orUnavailable(store.decisions(name, limit))
          return {
            decisions: decisions.map(({ decision, since, until }) => ({
              ...showDecision(decision, since),
              until
            }))
          }
        })
      })
    })
  )
