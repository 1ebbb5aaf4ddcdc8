import { Effect, Schedule, Stream } from "effect"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import type { Database } from "./Database.ts"

/** The channel of the trigger `desired_state_is_told`. */
const channel = "registrywatcher"

/**
 * Changes of desired state by `LISTEN`, on a session of its own while it runs. What was told while there was no
 * connection is lost, so each new one begins with `null`: any repository may have changed.
 */
export const changes = ({ session }: Database["Service"]): Stream.Stream<RepositoryName | null> =>
  session({ idle_session_timeout: "0" }).pipe(
    Effect.flatMap((connection) => connection.listen(channel)),
    Effect.map((told) =>
      Stream.concat(
        Stream.succeed(null),
        // Only the trigger speaks on this channel, and its names are those of `repository`.
        Stream.map(Stream.fromQueue(told), ({ payload }) => payload as RepositoryName)
      )
    ),
    Stream.unwrap,
    Stream.tapError((cause) => Effect.logDebug("listening for changes ended", cause)),
    Stream.retry(Schedule.spaced("500 millis")),
    Stream.orDie
  )
