import { Effect, Schedule, Stream } from "effect"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import type { Database } from "./Database.ts"
import { storeCall } from "./storeCall.ts"
import type { StoreError } from "./StoreError.ts"

/** The channel of the trigger `desired_state_is_told`, whose payload is a name; names have no spaces. */
const channel = "registrywatcher"
const check = "check "

/**
 * A repository whose desired state changed, or whose registry is to be asked now; `null` after a reconnect: any may
 * have.
 */
export type Told = RepositoryName | { readonly check: RepositoryName } | null

/** What instances tell one another, and the leader. */
export interface ChangeCalls {
  /** Has the leader ask the registry at once; writes nothing, and many are one question. */
  checkNow(repository: RepositoryName): Effect.Effect<void, StoreError>
  /**
   * What was told on whichever instance, by `LISTEN`, on a session of its own while it runs. What was told while there was
   * no connection is lost, so each new one begins with `null`: any repository may have changed.
   */
  readonly changes: Stream.Stream<Told>
}

const parse = (payload: string): Told =>
  payload.startsWith(check)
    ? { check: payload.slice(check.length) as RepositoryName }
    : (payload as RepositoryName)

export const changes = ({ session, pool }: Database["Service"]): ChangeCalls => ({
  // Of a name that has no row nothing is told.
  checkNow: (repository) =>
    storeCall(
      "StateStore.checkNow",
      pool`select pg_notify(${channel}, ${check} || name) from repository where name = ${repository}`
    ).pipe(Effect.asVoid),

  changes: session({ idle_session_timeout: "0" }).pipe(
    Effect.flatMap((connection) => connection.listen(channel)),
    Effect.map((told) =>
      Stream.concat(
        Stream.succeed(null),
        // Only the trigger and `checkNow` speak on this channel, and their names are those of `repository`.
        Stream.map(Stream.fromQueue(told), ({ payload }) => parse(payload))
      )
    ),
    Stream.unwrap,
    Stream.tapError((cause) => Effect.logDebug("listening for changes ended", cause)),
    Stream.retry(Schedule.spaced("500 millis")),
    Stream.orDie
  )
})
