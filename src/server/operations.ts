import { Effect, Metric } from "effect"
import { HttpApiBuilder, OpenApi } from "effect/http-api"
import { PrometheusMetrics } from "effect/observability"
import { Api } from "../api/Api.ts"
import { Leader } from "../store/Leader.ts"
import { StateStore } from "../store/StateStore.ts"
import { orUnavailable } from "./orUnavailable.ts"
import { processMetrics } from "./processMetrics.ts"
import { repositoryMetrics } from "./repositoryMetrics.ts"
import type { ServerSettings } from "./ServerSettings.ts"

/** Alive while the event loop turns, whatever it depends on; ready while the database answers (L13). */
export const probes = (settings: Pick<ServerSettings, "file" | "database" | "watched">) =>
  HttpApiBuilder.group(
    Api,
    "probes",
    Effect.fnUntraced(function* (handlers) {
      const store = yield* StateStore
      const leader = yield* Leader
      return handlers.handleAll({
        ping: () => Effect.succeed({ message: "pong" }),
        live: () => Effect.succeed({ message: "alive" }),
        ready: Effect.fnUntraced(function* () {
          const [schema, leadership] = yield* orUnavailable(Effect.all([store.schema, leader.leadership]))
          const { file, database, watched } = settings
          return {
            message: "ready",
            database: database === "embedded" ? ("embedded" as const) : ("external" as const),
            role: (yield* leader.leads) ? ("leader" as const) : ("standby" as const),
            leader: leadership,
            schema,
            config: { file, repositories: watched.length }
          }
        })
      })
    })
  )

const leads = Metric.gauge("registrywatcher_leader", { description: "1 while this instance leads" })

export const operations = ({ watched }: Pick<ServerSettings, "watched">) =>
  HttpApiBuilder.group(
    Api,
    "operations",
    Effect.fnUntraced(function* (handlers) {
      const leader = yield* Leader
      const store = yield* StateStore
      const definition = JSON.parse(JSON.stringify(OpenApi.fromApi(Api)))
      const repositories = watched.map(({ name }) => name)
      return handlers.handleAll({
        metrics: Effect.fnUntraced(function* () {
          yield* Metric.update(leads, (yield* leader.leads) ? 1 : 0)
          const standing = yield* repositoryMetrics(repositories).pipe(
            Effect.provideService(StateStore, store)
          )
          return `${yield* PrometheusMetrics.format()}\n${standing}${processMetrics()}`
        }),
        openapi: () => Effect.succeed(definition)
      })
    })
  )
