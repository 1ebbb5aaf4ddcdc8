import { Effect } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Api } from "../api/Api.ts"
import { Forbidden, PreconditionFailed } from "../api/ApiError.ts"
import { Caller } from "../api/Authorization.ts"
import { StateStore } from "../store/StateStore.ts"
import { orUnavailable } from "./orUnavailable.ts"
import type { ServerSettings } from "./ServerSettings.ts"
import { showBrake } from "./shown.ts"
import { findWatched } from "./watchedFor.ts"

/** Handlers of what is about all repositories at once. */
export const fleet = ({ watched }: Pick<ServerSettings, "watched">) =>
  HttpApiBuilder.group(
    Api,
    "fleet",
    Effect.fnUntraced(function* (handlers) {
      const store = yield* StateStore
      return handlers.handleAll({
        brake: Effect.fnUntraced(function* () {
          const { repositories: own } = yield* Caller
          const brake = yield* orUnavailable(store.brake)
          return { brake: brake === null ? null : showBrake(brake, own) }
        }),
        releaseBrake: Effect.fnUntraced(function* ({ payload: { id, repositories } }) {
          const { name: by, from } = yield* Caller
          const only = repositories === undefined ? {} : { repositories }
          const released = yield* orUnavailable(store.releaseBrake({ brake: id, ...only, by, from }))
          if (released === null) {
            const brake = yield* orUnavailable(store.brake)
            const stands =
              brake === null || brake.releasedAt !== null
                ? "none stands"
                : `brake ${brake.id} stands, since ${brake.since.toISOString()}`
            return yield* new PreconditionFailed({
              message: `brake ${id} does not stand: ${stands}; look at its moves again; nothing was changed`
            })
          }
          const moves = released.map(({ repository, tag }) => `${repository} to ${tag}`)
          const message = `the brake is released, and lets go ${moves.length === 0 ? "nothing" : moves.join(", ")}`
          return { message, released }
        }),
        adoptAll: Effect.fnUntraced(function* () {
          const { name: by, from } = yield* Caller
          const names = watched.map(({ name }) => name)
          const adopted = yield* orUnavailable(store.adoptMarkers(names, by, from))
          const message =
            adopted.size === 0
              ? "no job carried a marker that is unknown when it was last read; nothing was changed"
              : `what their jobs have is taken as it is: ${[...adopted.keys()].join(", ")}`
          return { message, adopted: Object.fromEntries(adopted) }
        }),
        audit: Effect.fnUntraced(function* ({ query: { repository, limit = 100 } }) {
          const { repositories: own } = yield* Caller
          if (own !== null && repository === undefined) {
            return yield* new Forbidden({
              message: "this needs a token for all repositories, or ?repository="
            })
          }
          // Of one that is watched no more the whole fleet's admins may still read.
          if (own !== null && repository !== undefined) yield* findWatched(watched, repository)
          return { entries: yield* orUnavailable(store.audit(repository ?? null, limit)) }
        })
      })
    })
  )
