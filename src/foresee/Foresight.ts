import { Cache, Context, Duration, Effect, Layer, Schema, Semaphore } from "effect"
import { Deployer } from "../deployer/Deployer.ts"
import { scopeKey } from "../domain/JobRef.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import type { Watched } from "../domain/Watched.ts"
import { Pace } from "../reconcile/Pace.ts"
import { paceOf } from "../reconcile/poll.ts"
import { RegistryClient } from "../registry/RegistryClient.ts"
import { StateStore } from "../store/StateStore.ts"
import type { StoreError } from "../store/StoreError.ts"
import { foresee, type Foreseen } from "./foresee.ts"
import { type Faults, pacedDeployer, pacedRegistry } from "./paced.ts"
import { planOf, type WouldRegister } from "./planOf.ts"
import { type Fleet, weighAmongAll } from "./weighAmongAll.ts"

/** What would be done with one repository now, and what Nomad says of it. */
export interface Foretold {
  readonly foreseen: Foreseen
  readonly would: WouldRegister | null
  /** Milliseconds until the registry, or Nomad, that did not answer is asked again; 0: they answered. */
  readonly retryIn: number
}

/** So many others ask at this moment that nobody was asked for this one. */
export class Crowded extends Schema.TaggedError<Crowded>()("Crowded", { message: Schema.String }) {}

/** Half of the connections that a registry is given, and of the calls that a namespace of Nomad is: the leader has the others. */
const ofOneRegistry = 4
/** How long one waits for its turn, behind the others of its registry. */
const turnWithin = Duration.seconds(10)

/**
 * What would be decided and registered, were it done now, for as many as may ask: of one registry four repositories at
 * once, a host that did not answer not before its back-off is over, and who asks for the same repository at the same
 * moment gets the same answer. Nothing is written.
 */
export class Foresight extends Context.Service<
  Foresight,
  {
    /** Of one of the watched repositories. */
    foretell(repository: RepositoryName): Effect.Effect<Foretold, StoreError | Crowded>
  }
>()("registrywatcher/foresee/Foresight") {
  static readonly layer = (fleet: Fleet) =>
    Layer.effect(
      Foresight,
      Effect.gen(function* () {
        const store = yield* StateStore
        const client = yield* RegistryClient
        const deployer = yield* Deployer
        const pace = new Pace(fleet.pollInterval)
        const faults: Faults = new Map()
        const registry = pacedRegistry(client, pace, faults)
        const turns = new Map(
          fleet.watched.map((watched) => [watched.registry, Semaphore.makeUnsafe(ofOneRegistry)])
        )
        const watchedBy = new Map(fleet.watched.map((watched) => [watched.name, watched]))

        const ask = Effect.fnUntraced(
          function* (watched: Watched) {
            const { foreseen } = yield* weighAmongAll<never>([yield* foresee(watched)], fleet, null)
            const [one] = foreseen
            if (one === undefined) return yield* Effect.die("nothing was foreseen")
            const would = yield* planOf(one)
            const hosts = [
              paceOf(watched.registry, "fault"),
              paceOf(watched.registry, "manifestFault"),
              scopeKey(watched.mapping.job)
            ]
            const retryIn = Math.max(...(yield* Effect.forEach(hosts, pace.left)))
            return { foreseen: one, would, retryIn } satisfies Foretold
          },
          (asked, { mapping }) =>
            asked.pipe(
              Effect.provideService(StateStore, store),
              Effect.provideService(RegistryClient, registry),
              Effect.provideService(Deployer, pacedDeployer(deployer, mapping.job, pace, faults))
            )
        )

        const inTurn = Effect.fnUntraced(function* (watched: Watched) {
          const turn = turns.get(watched.registry) ?? (yield* Effect.die("a registry that nobody watches"))
          yield* turn.takeScoped(1).pipe(
            Effect.timeoutOrElse({
              duration: turnWithin,
              orElse: () =>
                new Crowded({
                  message: `not told within ${Duration.format(turnWithin)}: others ask about repositories of registry ${watched.registry}; try again`
                })
            })
          )
          return yield* ask(watched)
        }, Effect.scoped)

        // Kept while it is looked up, and no longer.
        const underWay = yield* Cache.make({
          capacity: Number.POSITIVE_INFINITY,
          timeToLive: Duration.zero,
          lookup: (name: RepositoryName) => {
            const watched = watchedBy.get(name)
            return watched === undefined ? Effect.die("a repository that nobody watches") : inTurn(watched)
          }
        })
        return Foresight.of({ foretell: (repository) => Cache.get(underWay, repository) })
      })
    )
}
