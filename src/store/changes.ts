import type { PgClient } from "@effect/sql-pg"
import { Effect, Schedule, Stream } from "effect"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import type { Database } from "./Database.ts"
import type { StateStore, Told } from "./StateStore.ts"
import { storeCall } from "./storeCall.ts"

/** The channel of the trigger `desired_state_is_told`, whose payload is a name; names have no spaces. */
const channel = "registrywatcher"
const check = "check "

const parse = (payload: string): Told =>
  payload.startsWith(check)
    ? { check: payload.slice(check.length) as RepositoryName }
    : (payload as RepositoryName)

/**
 * Changes of desired state by `LISTEN`, on a session of its own while it runs. What was told while there was no
 * connection is lost, so each new one begins with `null`: any repository may have changed.
 */
export const changes = ({ session }: Database["Service"]): Stream.Stream<Told> =>
  session({ idle_session_timeout: "0" }).pipe(
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

/** Tells the leader, wherever it is, to ask the registry now; of a name that has no row nothing is told. */
export const checkNow =
  (sql: PgClient.PgClient): StateStore["Service"]["checkNow"] =>
  (repository) =>
    storeCall(
      "StateStore.checkNow",
      sql`select pg_notify(${channel}, ${check} || name) from repository where name = ${repository}`
    ).pipe(Effect.asVoid)
