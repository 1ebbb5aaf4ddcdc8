import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect, Layer } from "effect"
import { HttpServer } from "effect/http"
import manifest from "../package.json" with { type: "json" }
import { openListenerNotes } from "./cli/checkConfig.ts"
import { run } from "./cli/run.ts"
import type { Config } from "./config/Config.ts"
import { refuseOpenListener } from "./config/loadConfig.ts"
import { Deployer } from "./deployer/Deployer.ts"
import { logs, logsAside } from "./logs.ts"
import { Notifier } from "./notifier/Notifier.ts"
import { reconciler } from "./reconcile/Reconciler.ts"
import { RegistryClient } from "./registry/RegistryClient.ts"
import { examine } from "./store/examine.ts"
import * as Server from "./server/Server.ts"
import { StateStore } from "./store/StateStore.ts"
import * as Store from "./store/Store.ts"
import { Tokens } from "./store/Tokens.ts"

/** One instance: it serves, and waits to lead; while it leads, it acts. */
const service = (config: Config) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { watched, pollInterval: interval, brake, maxActiveRollouts } = config
      const { address } = yield* HttpServer.HttpServer
      yield* Effect.logInfo("listening").pipe(
        Effect.annotateLogs({
          address: HttpServer.formatAddress(address),
          database: config.database === "embedded" ? "embedded, in ./data" : "Postgres",
          version: manifest.version
        })
      )
      yield* Effect.forkScoped(reconciler({ watched, interval, brake, maxActiveRollouts }))
      // Last in, first out: said before the reconciler is interrupted, which may wait for a frozen database.
      yield* Effect.addFinalizer(() => Effect.logInfo("stopping"))
    })
  ).pipe(
    Layer.provide(Server.layer(config)),
    Layer.provide(Layer.effectDiscard(prepare(config))),
    Layer.provide([
      RegistryClient.layer(config.registries),
      Deployer.layer(config.nomad),
      Notifier.layer(config.webhookUrl),
      NodeCrypto.layer
    ]),
    Layer.provide(store(config))
  )

/** Nobody is let in who need not say who they are, and every repository has its row, before anything listens. */
const prepare = Effect.fn("prepare")(function* (config: Config) {
  const store = yield* StateStore
  const tokens = yield* Tokens
  yield* refuseOpenListener(config, yield* tokens.exist)
  yield* store.adopt(config.watched)
})

type Stored = ReturnType<typeof Store.layer>

/**
 * A database that does not answer yet is waited for; everything else that is wrong with it ends the start.
 *
 * @param said - why it was waited for last: that is told once, not at each attempt
 */
const store = (config: Config, said?: string): Stored =>
  Store.layer(config).pipe(
    Layer.catchTag("DatabaseUnreachable", ({ message: error }) =>
      Layer.unwrap(
        Effect.gen(function* () {
          if (error !== said) {
            yield* Effect.logWarning("waiting for the database").pipe(Effect.annotateLogs({ error }))
          }
          for (const warning of said === undefined ? yield* openListenerNotes(config) : []) {
            yield* Effect.logWarning("configuration").pipe(Effect.annotateLogs({ warning }))
          }
          yield* Effect.sleep("2 seconds")
          return store(config, error)
        })
      )
    )
  )

// What time or another process may mend; everything else wants another configuration or database (78).
const mayBeTriedAgain: ReadonlySet<string> = new Set(["StoreError", "DatabaseUnreachable", "CannotListen"])

const main = run({
  version: manifest.version,
  environment: process.env,
  serve: (config) => Layer.launch(service(config)),
  tokens: (config) =>
    Store.layer({ ...config, beside: true }).pipe(Layer.provide(logsAside(process.stderr.isTTY))),
  planning: (config) =>
    Layer.mergeAll(
      Store.layer({ ...config, beside: true }),
      RegistryClient.layer(config.registries),
      Deployer.layer(config.nomad)
    ).pipe(Layer.provide(logsAside(process.stderr.isTTY))),
  database: (config) =>
    examine({ ...config, beside: true }).pipe(Effect.provide(logsAside(process.stderr.isTTY))),
  others: (config) => Layer.mergeAll(RegistryClient.layer(config.registries), Deployer.layer(config.nomad)),
  exitCode: ({ _tag }) => (mayBeTriedAgain.has(_tag) ? 1 : 78)
})

// Whoever reads the log may be restarted: lines that nobody takes are lost, and the service goes on.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {})

/**
 * Milliseconds from being asked to end to ending anyhow. Requests have 4 s (`limits.drainWithin`); a database that is
 * frozen never answers the goodbye. What is cut off then is found again as after a kill -9 (S7).
 */
const grace = 8_000
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => setTimeout(() => process.exit(130), grace).unref())
}

NodeRuntime.runMain(
  main(process.argv.slice(2)).pipe(
    Effect.provide(NodeServices.layer),
    Effect.provide(logs(process.stdout.isTTY))
  )
)
