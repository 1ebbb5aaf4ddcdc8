import { Context, Deferred, Duration, Effect, Latch, Layer, type Scope, Semaphore, Stream } from "effect"
import type { BeginEvent, BrakeEvent, RepositoryEvent, TroubleEvent } from "../api/Events.ts"
import type { BrakeState } from "../domain/BrakeState.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import { staleAfter } from "../domain/staleAfter.ts"
import type { Watched } from "../domain/Watched.ts"
import { StateStore } from "../store/StateStore.ts"
import { Catalogue, type Entry, wantedTag } from "./Catalogue.ts"
import type { Limits } from "./limits.ts"
import type { ServerSettings } from "./ServerSettings.ts"
import { runningTags, showBrake, showTarget } from "./shown.ts"
import { summarise } from "./summarise.ts"
import { because } from "./why.ts"

/** `version`: the feed's, when this was last changed. */
interface Kept<A> {
  readonly version: number
  readonly value: A
}

/** Of whoever listens: the repositories that are shown, null for all, and by what the streams of one are counted. */
interface Listener {
  readonly own: ReadonlyArray<string> | null
  readonly name: string
}

/** From one look at the database to the next, while anybody listens. */
const interval = Duration.seconds(1)

/**
 * What is shown of every repository, as it changes: one look a second at the database for all listeners of an instance,
 * none while nobody listens. Nobody has a queue: a listener that is slow gets what is newest when it is ready again (L8).
 */
export class Feed extends Context.Service<
  Feed,
  {
    /** Server-sent events in UTF-8, for as long as the request's scope. Null: too many listen already. */
    listen(listener: Listener): Effect.Effect<Stream.Stream<Uint8Array> | null, never, Scope.Scope>
    /** Ends every stream, so that a server that stops need not wait for them. */
    readonly end: Effect.Effect<void>
  }
>()("registrywatcher/server/Feed") {
  static readonly layer = (
    { watched, pollInterval }: Pick<ServerSettings, "watched" | "pollInterval">,
    { listeners: limits }: Pick<Limits, "listeners">
  ) =>
    Layer.effect(
      Feed,
      Effect.gen(function* () {
        const store = yield* StateStore
        const catalogue = yield* Catalogue
        const byName = new Map(watched.map((one) => [one.name, one]))
        const names = [...byName.keys()]

        let version = 0
        let changed = Deferred.makeUnsafe<void>()
        let revisions: ReadonlyMap<RepositoryName, string> = new Map()
        const events = new Map<RepositoryName, Kept<string>>()
        let brake: Kept<BrakeState | null> = { version: 0, value: null }
        let trouble: Kept<string | null> = { version: 0, value: null }
        const listeners = new Map<string, number>()
        let count = 0
        const listened = yield* Latch.make()
        const ended = yield* Deferred.make<void>()

        const advance = () => {
          version += 1
          Deferred.doneUnsafe(changed, Effect.void)
          changed = Deferred.makeUnsafe()
        }

        const one = yield* Semaphore.make(1)
        const look = Effect.gen(function* () {
          // Read before the rows are: what is written in between is only sent once more.
          const seen = yield* store.revisions(names, staleAfter(pollInterval))
          const moved = names.filter((name) => seen.has(name) && seen.get(name) !== revisions.get(name))
          const entries = moved.length === 0 ? new Map<RepositoryName, Entry>() : yield* catalogue.read(moved)
          const state = yield* store.brake
          const next = version + 1
          for (const [name, entry] of entries) {
            const one = byName.get(name)
            if (one !== undefined)
              events.set(name, { version: next, value: eventOf(one, entry, pollInterval) })
          }
          const isBraked = JSON.stringify(state) !== JSON.stringify(brake.value)
          if (isBraked) brake = { version: next, value: state }
          if (trouble.value !== null) trouble = { version: next, value: null }
          revisions = seen
          if (entries.size > 0 || brake.version === next || trouble.version === next) advance()
        }).pipe(
          Effect.catch((error) => {
            if (trouble.value !== null) return Effect.void
            trouble = {
              version: version + 1,
              value: "the database does not answer: what is shown may be outdated"
            }
            advance()
            return Effect.logWarning("events paused").pipe(Effect.annotateLogs({ call: error.call }))
          }),
          Semaphore.withPermit(one)
        )

        yield* Effect.forkScoped(
          Effect.forever(
            Effect.andThen(listened.await, Effect.andThen(Effect.delay(look, interval), Effect.yieldNow))
          )
        )

        /** What changed after `from`; everything, where that is null. */
        const since = (from: number | null, own: Listener["own"]): string => {
          const isNew = (at: number) => from === null || at > from
          const begin: typeof BeginEvent.Type = { repositories: names.filter((name) => sees(own, name)) }
          const parts = from === null ? [write("begin", begin)] : []
          if (isNew(trouble.version)) {
            parts.push(write("trouble", { message: trouble.value } satisfies typeof TroubleEvent.Type))
          }
          if (isNew(brake.version)) {
            const shown = brake.value === null ? null : showBrake(brake.value, own)
            parts.push(write("brake", { brake: shown } satisfies typeof BrakeEvent.Type))
          }
          for (const [name, { version: at, value }] of events) {
            if (isNew(at) && sees(own, name)) parts.push(value)
          }
          return parts.join("")
        }

        /** The next thing to send to one who has seen everything up to `from`. */
        const next = Effect.fnUntraced(function* (from: number | null, own: Listener["own"]) {
          for (let seen = from; ;) {
            // All of one moment: what comes after it wakes.
            const wake = changed
            const text = since(seen, own)
            seen = version
            if (text !== "") return [encoder.encode(text), seen] as const
            const woken = yield* Effect.timeoutOption(Deferred.await(wake), limits.heartbeat)
            if (woken._tag === "None") return [encoder.encode(":\n\n"), seen] as const
          }
        })

        return Feed.of({
          listen: Effect.fnUntraced(function* ({ own, name }) {
            const already = listeners.get(name) ?? 0
            if (count >= limits.atOnce || already >= limits.ofOne) return null
            yield* Effect.acquireRelease(
              Effect.sync(() => {
                count += 1
                listeners.set(name, (listeners.get(name) ?? 0) + 1)
                listened.openUnsafe()
              }),
              () =>
                Effect.sync(() => {
                  count -= 1
                  const left = (listeners.get(name) ?? 1) - 1
                  if (left === 0) listeners.delete(name)
                  else listeners.set(name, left)
                  if (count === 0) listened.closeUnsafe()
                })
            )
            yield* look
            return Stream.unfold(null as number | null, (from) => next(from, own)).pipe(
              Stream.interruptWhen(Effect.race(Effect.sleep(limits.last), Deferred.await(ended)))
            )
          }),
          end: Effect.asVoid(Deferred.succeed(ended, undefined))
        })
      })
    )
}

const encoder = new TextEncoder()

const sees = (own: Listener["own"], name: string) => own === null || own.includes(name)

/** JSON has no line ends of its own, so that one line is one `data`. */
const write = (event: string, data: unknown): string => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`

const eventOf = (watched: Watched, entry: Entry, pollInterval: Duration.Duration): string => {
  const { status, view, observed } = entry
  const elected = wantedTag(entry)
  return write("repository", {
    ...summarise(watched, entry, pollInterval, `${because(watched, entry)}.`),
    runs: runningTags(observed),
    elected: elected._tag === "Elected" ? showTarget(elected, view) : null,
    read_at: status.readAt
  } satisfies RepositoryEvent)
}
