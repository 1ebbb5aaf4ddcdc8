import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import { Duration, Effect, Layer, Stream } from "effect"
import { Deployer } from "../../src/deployer/Deployer.ts"
import type { RepositoryName } from "../../src/domain/RepositoryName.ts"
import type { Watched } from "../../src/domain/Watched.ts"
import { Notifier } from "../../src/notifier/Notifier.ts"
import { reconciler, type Watch } from "../../src/reconcile/Reconciler.ts"
import { RegistryClient } from "../../src/registry/RegistryClient.ts"
import { type NomadOptions, NomadSimulator } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { Database } from "../../src/store/Database.ts"
import { Leader } from "../../src/store/Leader.ts"
import { Outbox } from "../../src/store/Outbox.ts"
import { endpointAt } from "../deployer/NomadScript.ts"
import { freshDatabase } from "../real/postgres.ts"
import { InFlight } from "./inFlight.ts"

export const interval = Duration.seconds(59)

/** A repository and its job of the same name, watched as the config would have it. */
export const watchedAs = (name: string, host: string, change: Partial<Watched> = {}): Watched => ({
  name: name as RepositoryName,
  registry: "sim",
  image: name,
  mapping: {
    job: { region: "", namespace: "default", job: name },
    group: undefined,
    tasks: [name],
    imageNames: [`${host}/${name}`],
    imageForm: "digest"
  },
  policy: { _tag: "Semver" },
  drift: "hold",
  batch: "hold",
  canary: "manual",
  canarySoak: Duration.minutes(1),
  mode: "act",
  fingerprint: name,
  ...change
})

const clients = (nomadUrl: string, registryOrigin: URL) => {
  const registry = {
    name: "sim",
    origin: registryOrigin,
    credentials: undefined,
    authRealms: [],
    ca: undefined,
    insecure: false,
    clientCertificate: undefined,
    proxy: undefined
  }
  return Layer.mergeAll(
    Deployer.layer(endpointAt(new URL(nomadUrl))),
    RegistryClient.layer(new Map([["sim", registry]]))
  )
}

/** Heartbeats follow the test's clock, the server's patience the real one: a slow machine must not cost the lease. */
const patient = (settings: Readonly<Record<string, string>>) =>
  "idle_session_timeout" in settings ? { ...settings, idle_session_timeout: "600000" } : settings

/** The store on a fresh database, its leader's heartbeats counted as well. */
const layerStore = (inFlight: InFlight) =>
  Layer.mergeAll(StateStore.layer, Leader.layer, Outbox.layer).pipe(
    Layer.provideMerge(
      Layer.effect(
        Database,
        Effect.map(Database, (database) => ({
          ...database,
          session: (settings) =>
            Effect.map(inFlight.countedEffect(database.session(patient(settings))), (session) =>
              inFlight.countedMembers(session, ["query", "listen"])
            )
        }))
      )
    ),
    Layer.provide(Layer.unwrap(Effect.map(freshDatabase, (fresh) => Database.layerUrl(fresh))))
  )

/** What is told is under way until its notification has arrived. */
const notified = ({ tells }: InFlight) =>
  Layer.effect(
    StateStore,
    Effect.map(StateStore, (store) => {
      // What changes nothing raises no generation and tells nobody.
      const toldOf = <A, E, R>(name: RepositoryName, change: Effect.Effect<A, E, R>) =>
        Effect.gen(function* () {
          const before = yield* store.desired(name)
          const answer = yield* change
          const after = yield* store.desired(name)
          yield* tells(after.generation > before.generation ? 1 : 0)
          return answer
        })
      return {
        ...store,
        change: (change) => toldOf(change.repository, store.change(change)),
        acceptView: (acceptance) => toldOf(acceptance.repository, store.acceptView(acceptance)),
        releaseBrake: (release) =>
          Effect.gen(function* () {
            const stopped = (yield* store.brake)?.stopped.length ?? 0
            const moves = yield* store.releaseBrake(release)
            yield* tells(moves === null ? 0 : stopped)
            return moves
          }),
        checkNow: (name) => Effect.tap(store.checkNow(name), () => tells(1)),
        adoptMarkers: (...args) => Effect.tap(store.adoptMarkers(...args), ({ size }) => tells(size)),
        orderRollout: (order) =>
          Effect.tap(store.orderRollout(order), ({ ordered }) => tells(ordered ? 1 : 0)),
        abandon: (...args) => toldOf(args[0], store.abandon(...args)),
        changes: Stream.tap(store.changes, (name) => tells(name === null ? 0 : -1))
      }
    })
  )

/** The core on real parts: both simulators over HTTP, a fresh database; every call counted while it is under way. */
export const layerLoop = (
  inFlight: InFlight,
  notifier = Notifier.layer(undefined),
  nomad: NomadOptions = {}
) =>
  Layer.mergeAll(
    // Nobody takes the notifications of a test that is over.
    Layer.effectDiscard(inFlight.reset),
    inFlight.counted(Notifier),
    inFlight.counted(Outbox),
    inFlight.counted(Deployer),
    inFlight.counted(RegistryClient),
    notified(inFlight).pipe(Layer.provide(inFlight.counted(StateStore)))
  ).pipe(
    Layer.provideMerge(
      Layer.unwrap(
        Effect.gen(function* () {
          const { url } = yield* NomadSimulator
          const { origin } = yield* RegistrySimulator
          return clients(url, origin)
        })
      )
    ),
    Layer.provideMerge(
      Layer.mergeAll(
        NomadSimulator.layer(nomad),
        RegistrySimulator.layer(),
        layerStore(inFlight),
        notifier,
        NodeCrypto.layer
      )
    ),
    Layer.orDie
  )

/** The reconciler, as `main.ts` runs it, until the test is over. */
export const watch = (watched: ReadonlyArray<Watched>, settings: Partial<Watch> = {}) =>
  Effect.forkScoped(reconciler({ watched, interval, ...settings }))
