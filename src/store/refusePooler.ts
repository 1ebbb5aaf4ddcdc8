import { Duration, Effect } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import type { Database } from "./Database.ts"
import { leaseSettings } from "./lease.ts"
import { PoolerFound, type StartError } from "./StartError.ts"
import { endWithin, sqlState, wordsOf } from "./storeCall.ts"

/** A pooler with one server connection lets the second statement wait for the first transaction's end. */
const deadline = Duration.seconds(3)

/** `protocol_violation` with these words is what PgBouncer says of settings that it does not pass on. */
const saysPooler = (error: SqlError): boolean =>
  sqlState(error) === "08P01" && wordsOf(error).includes("unsupported startup parameter")

/**
 * Fails where the lock's address is that of a pooler: if the session's settings do not arrive, or if a statement
 * moves to another server process while a second client has a transaction open. Direct sessions pass, and so do
 * plain TCP proxies. What this misses by luck, the heartbeat finds: it asks for the process each second.
 */
export const refusePooler = Effect.fnUntraced(function* (
  { session, where }: Database["Service"],
  toStartError: (error: SqlError) => StartError
) {
  const found = (words: string) => new PoolerFound({ where, words })
  const open = session(leaseSettings).pipe(
    Effect.mapError((error) => (saysPooler(error) ? found(wordsOf(error)) : toStartError(error)))
  )
  const ours = yield* open
  const look = ours
    .query(
      `select pg_backend_pid() as pid, setting from pg_settings where name = 'idle_session_timeout'`,
      [],
      false
    )
    .pipe(
      Effect.mapError(toStartError),
      Effect.map(({ rows }) => rows[0])
    )
  const before = yield* look
  if (before?.["setting"] !== leaseSettings.idle_session_timeout) {
    return yield* found("a session's settings do not arrive")
  }
  const other = yield* open
  yield* other.query("begin", [], false).pipe(Effect.mapError(toStartError))
  yield* other.query("select 1", [], false).pipe(Effect.mapError(toStartError))
  const after = yield* look.pipe(endWithin(deadline, () => found("sessions wait for each other")))
  if (after?.["pid"] !== before["pid"]) return yield* found("one session's statements go to several servers")
}, Effect.scoped)
