import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Layer, Schema } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Api } from "../api/Api.ts"
import { isLoopback } from "../domain/isLoopback.ts"
import { Foresight } from "../foresee/Foresight.ts"
import { Tokens } from "../store/Tokens.ts"
import { authorization } from "./authorization.ts"
import { Catalogue } from "./Catalogue.ts"
import { classic } from "./classic.ts"
import { events } from "./events.ts"
import { Feed } from "./Feed.ts"
import { fleet } from "./fleet.ts"
import { gate } from "./gate.ts"
import { jsonBody } from "./jsonBody.ts"
import { limits as defaults, type Limits } from "./limits.ts"
import { nodeServer } from "./nodeServer.ts"
import { operations, probes } from "./operations.ts"
import { ordering } from "./ordering.ts"
import { page } from "./page.ts"
import { repositories } from "./repositories.ts"
import { routesOf } from "./routes.ts"
import type { ServerSettings } from "./ServerSettings.ts"

/** Nobody would be asked for a token, and not only this machine could call: nothing listens (X7). */
export class Unprotected extends Schema.TaggedError<Unprotected>()("Unprotected", {
  file: Schema.String,
  address: Schema.String
}) {
  override readonly message =
    `${this.file}: server_listening_address = "${this.address}" is beyond loopback, and there is no token: ` +
    "make one with `registrywatcher token create NAME --role admin`, or let anybody in with the line " +
    "`allow_unauthenticated = true`"
}

/** The address is taken, is none of this machine, or may not be used. */
export class CannotListen extends Schema.TaggedError<CannotListen>()("CannotListen", {
  address: Schema.String,
  words: Schema.String
}) {
  override readonly message = `nothing can listen on ${this.address}: ${this.words}`
}

/**
 * The HTTP API of one instance, leader or not: listens once it is built, and finishes what is under way, within
 * `drainWithin`, when it is released. `HttpServer` tells the address that it is bound to.
 */
export const layer = (settings: ServerSettings, limits: Limits = defaults) =>
  Layer.unwrap(Effect.sync(() => build(settings, limits)))

const build = (settings: ServerSettings, limits: Limits) => {
  const { host, port } = settings.listen
  const node = nodeServer(limits)

  const refuseUnprotected = Effect.gen(function* () {
    const tokens = yield* Tokens
    if (settings.allowUnauthenticated || isLoopback(host) || (yield* tokens.exist)) return
    return yield* new Unprotected({ file: settings.file, address: `${host}:${port}` })
  })

  const handlers = Layer.mergeAll(
    probes(settings),
    classic(settings, limits),
    repositories(settings),
    ordering(settings, limits),
    fleet(settings),
    events,
    operations(settings),
    page
  )
  const routes = HttpApiBuilder.layer(Api).pipe(
    Layer.provide(handlers),
    Layer.provide([authorization(settings, limits), jsonBody(limits)])
  )
  // Built between the socket and what serves it, so released between them: what did not end in time is cut.
  const cutting = Layer.effectDiscard(
    Effect.andThen(
      HttpServer.HttpServer,
      Effect.addFinalizer(() => Effect.sync(() => node.closeAllConnections()))
    )
  )

  // Built after what serves, so released before it: it would wait for streams that never end by themselves.
  const ending = Layer.effectDiscard(Effect.flatMap(Feed, (feed) => Effect.addFinalizer(() => feed.end)))
  const served = HttpRouter.serve(Layer.mergeAll(routes, gate(routesOf(Api), limits)), {
    disableLogger: true,
    disableListenLog: true,
    // A name that is too long is told that nobody watches it, not that there is no such path.
    routerConfig: { maxParamLength: limits.headerBytes }
  })
  return ending.pipe(
    Layer.provide(served),
    Layer.provide(Feed.layer(settings, limits)),
    Layer.provide([cutting, Catalogue.layer, Foresight.layer(settings)]),
    Layer.provideMerge(
      NodeHttpServer.layer(() => node, { host, port, gracefulShutdownTimeout: limits.drainWithin }).pipe(
        Layer.catchTag("ServeError", ({ cause }) => {
          const words = cause instanceof Error ? cause.message : String(cause)
          return Layer.effectContext(new CannotListen({ address: `${host}:${port}`, words }))
        })
      )
    ),
    Layer.provide(Layer.effectDiscard(refuseUnprotected))
  )
}
