import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Api } from "../api/Api.ts"
import { BadRequest, type PreconditionFailed } from "../api/ApiError.ts"
import { Caller } from "../api/Authorization.ts"
import { Catalogue, readEntry, wantedTag } from "./Catalogue.ts"
import type { Limits } from "./limits.ts"
import { orUnavailable } from "./orUnavailable.ts"
import { type Ordered, reset, setTag } from "./orders.ts"
import type { ServerSettings } from "./ServerSettings.ts"

/** Handlers of the predecessor's endpoints. What the caller may not see is answered as if it were not watched (X22). */
export const classic = (settings: Pick<ServerSettings, "watched">, limits: Limits) =>
  HttpApiBuilder.group(
    Api,
    "classic",
    Effect.fnUntraced(function* (handlers) {
      const catalogue = yield* Catalogue

      const visible = Effect.map(Caller, ({ repositories }) =>
        settings.watched.filter(({ name }) => repositories === null || repositories.includes(name))
      )
      const find = Effect.fnUntraced(function* (repository: string) {
        const watched = (yield* visible).find(({ name }) => name === repository)
        return watched ?? (yield* new BadRequest({ message: "no such repository is watched" }))
      })

      return handlers.handleAll({
        repos: Effect.fnUntraced(function* () {
          const names = (yield* visible).map(({ name }) => name)
          const entries = yield* orUnavailable(catalogue.read(names))
          return Object.fromEntries(
            names.flatMap((name) => {
              const entry = entries.get(name)
              return entry === undefined ? [] : [[name, catalogue.show(name, entry)]]
            })
          )
        }),
        tag: Effect.fnUntraced(function* ({ params }) {
          const { name } = yield* find(params.repository)
          const wanted = wantedTag(yield* readEntry(name))
          switch (wanted._tag) {
            case "Elected":
              return { repo_tag: wanted.tag }
            case "NotViewed":
              return yield* new BadRequest({ message: `the tags of ${name} were not listed yet` })
            case "Nothing":
            case "NotFollowing":
              return yield* new BadRequest({ message: `no tag of ${name} is elected: ${wanted.words}` })
          }
        }),
        setTag: Effect.fnUntraced(function* ({ params, payload }) {
          const watched = yield* find(params.repository)
          return yield* lastWriterWins(setTag(watched, payload, limits, null))
        }),
        reset: Effect.fnUntraced(function* ({ params }) {
          return yield* lastWriterWins(reset(yield* find(params.repository), null))
        })
      })
    })
  )

/** These have no `If-Match`, so that no generation is ever the wrong one (`design.md` §4). */
const lastWriterWins = <E, R>(ordered: Effect.Effect<Ordered, E | PreconditionFailed, R>) =>
  ordered.pipe(
    Effect.map(({ message }) => ({ message })),
    Effect.catchTag("PreconditionFailed", Effect.die)
  )
