import type { PgConnection } from "@effect/sql-pg"
import { type Cause, Clock, Duration, Effect, Schedule, Schema } from "effect"
import type { Database } from "./Database.ts"
import type { Fence, Leader, NotLeading } from "./Leader.ts"
import { type LeadershipRow, takeLeadership, toLeadership } from "./leadership.ts"
import { storeCall } from "./storeCall.ts"

/** After this long without a word from its holder the server ends the session, and with it the lock. */
const ttl = Duration.seconds(5)
/** The holder stops this much before, by its own clock: the way of a heartbeat and of an effect that has begun. */
const margin = Duration.seconds(1)
const heartbeat = Duration.seconds(1)
const heartbeatDeadline = Duration.seconds(2)
/** A blocked waiter holds back VACUUM in the whole database (measured): it gives up and asks again. */
const lockTimeout = Duration.seconds(30)
const pause = Duration.millis(300)
/** Class of the advisory lock; the schema is its second half, so that two installations can share a database. */
const leaderLock = 0x1007
const askForLock = `select pg_advisory_lock(${leaderLock}, hashtext(coalesce(current_schema(), '')))`

/** The heartbeat was answered by another session than the one that took the lock: a pooler is in between. */
class OtherSession extends Schema.TaggedError<OtherSession>()("OtherSession", {}) {}

/** Of the lock's session: the server frees a silent holder, and cancels no waiter for being slow. */
export const leaseSettings = {
  idle_session_timeout: String(Duration.toMillis(ttl)),
  tcp_user_timeout: String(Duration.toMillis(ttl)),
  lock_timeout: String(Duration.toMillis(lockTimeout)),
  statement_timeout: "0"
}

const backendPid = (session: PgConnection.PgConnection) =>
  Effect.map(session.query("select pg_backend_pid() as pid"), ({ rows }) => rows[0]?.["pid"])

const acquire = Effect.fnUntraced(function* (session: PgConnection.PgConnection) {
  yield* session.query(askForLock).pipe(
    // The answer comes by `lock_timeout`; without one the server is gone.
    Effect.timeout(Duration.sum(lockTimeout, ttl)),
    Effect.retry({ while: (error) => error._tag === "SqlError" && error.reason._tag === "LockTimeoutError" })
  )
  const { rows } = yield* session.query(takeLeadership)
  const fence = toLeadership(rows[0] as unknown as LeadershipRow)
  return fence ?? (yield* Effect.die("the row of leadership is gone"))
})

interface Reading {
  readonly monotonic: number
  readonly wall: number
}

/** Milliseconds of both clocks: the monotonic one stands still while a machine is suspended. */
const read: Effect.Effect<Reading> = Effect.zipWith(
  Clock.monotonicTimeNanos,
  Clock.currentTimeMillis,
  (nanos, wall) => ({ monotonic: Number(nanos / 1_000_000n), wall })
)

/** `Leader` as a session advisory lock, and the proof that this instance still holds it. */
export const lease = Effect.fnUntraced(function* ({ pool, session }: Database["Service"]) {
  // When the last heartbeat that was answered was sent.
  let proof: Reading | undefined
  // A database that is away is said once, not three times a second.
  let isComplaining = false

  const leads = Effect.map(read, (now) => {
    if (proof === undefined) return false
    // A wall clock that jumps ahead costs a pause until the next heartbeat, no more (S19).
    const silent = Math.max(now.monotonic - proof.monotonic, now.wall - proof.wall)
    return silent < Duration.toMillis(ttl) - Duration.toMillis(margin)
  })

  const beat = Effect.fnUntraced(function* (connection: PgConnection.PgConnection, pid: unknown) {
    const sent = yield* read
    const answered = yield* backendPid(connection).pipe(Effect.timeout(heartbeatDeadline))
    if (answered !== pid) return yield* new OtherSession()
    proof = sent
  })

  const forget = Effect.sync(() => {
    proof = undefined
  })

  const term = Effect.fnUntraced(function* <R>(body: (fence: Fence) => Effect.Effect<void, never, R>) {
    const connection = yield* session(leaseSettings)
    const pid = yield* backendPid(connection)
    const fence = yield* acquire(connection)
    yield* beat(connection, pid)
    isComplaining = false
    yield* Effect.logInfo("leading").pipe(Effect.annotateLogs({ epoch: fence.epoch, holder: fence.holder }))
    yield* Effect.raceFirst(
      // Forgotten before the body is interrupted: what it can not leave off at once is refused by `guard`.
      beat(connection, pid).pipe(Effect.repeat(Schedule.spaced(heartbeat)), Effect.ensuring(forget)),
      body(fence)
    )
    yield* Effect.logInfo("leadership given back")
  }, Effect.scoped)

  const complain = (cause: Cause.Cause<unknown>) => {
    if (isComplaining) return Effect.logDebug("not leading", cause)
    isComplaining = true
    return Effect.logWarning("not leading", cause)
  }

  const lead: Leader["Service"]["lead"] = (body) =>
    term(body).pipe(Effect.catchCause(complain), Effect.andThen(Effect.sleep(pause)), Effect.forever)

  return {
    lead,
    guard: <A, E, R>(effect: Effect.Effect<A, E, R>) =>
      Effect.flatMap(leads, (may): Effect.Effect<A, E | NotLeading, R> =>
        may ? effect : Effect.fail({ _tag: "NotLeading" })
      ),
    leads,
    leadership: storeCall(
      "Leader.leadership",
      Effect.map(pool<LeadershipRow>`select epoch, holder, since from leadership`, ([row]) =>
        row === undefined ? null : toLeadership(row)
      )
    )
  } satisfies Leader["Service"]
})
