import { Duration, Effect, Fiber, type Schema } from "effect"
import type { SqlError } from "effect/sql/SqlError"
import { StoreCorrupt, StoreError, StoreUnavailable } from "./StoreError.ts"

/** The promise of `StateStore`. A frozen server answers nothing, not even to a cancel. */
export const callDeadline = Duration.seconds(5)

/** SQLSTATE classes that no waiting mends: data, constraint, feature, syntax or name, internal (Postgres, appendix A). */
const hopeless: ReadonlySet<string> = new Set(["22", "23", "0A", "42", "XX"])
/** A right that was taken may be given again. */
const insufficientPrivilege = "42501"

/** The server's SQLSTATE; undefined where the error is the driver's own. */
export const sqlState = ({ reason }: SqlError): string | undefined =>
  typeof reason.cause === "object" && reason.cause !== null && "code" in reason.cause
    ? String(reason.cause.code)
    : undefined

/** What the server, or the socket, said. */
export const wordsOf = ({ reason }: SqlError): string =>
  reason.cause instanceof Error ? reason.cause.message : String(reason.cause)

const isUnavailable = (error: SqlError): boolean => {
  const state = sqlState(error)
  if (error.reason._tag === "ConnectionError") return true
  // Without a server's word it is the driver that can not encode a value or decode a row.
  if (state === undefined) return error.reason.isRetryable
  return state === insufficientPrivilege || !hopeless.has(state.slice(0, 2))
}

const isSerialization = ({ reason }: SqlError): boolean =>
  reason._tag === "DeadlockError" || reason._tag === "SerializationError"

const toReason = (cause: SqlError | Schema.SchemaError): StoreUnavailable | StoreCorrupt =>
  cause._tag === "SchemaError" || !isUnavailable(cause)
    ? new StoreCorrupt({ cause })
    : new StoreUnavailable({ cause })

/**
 * One call of the store: named, ended after 5 seconds, and failing with what the callers know. A statement that
 * lost against another is sent again; it left nothing behind.
 */
export const storeCall = <A, R>(
  call: string,
  effect: Effect.Effect<A, SqlError | Schema.SchemaError, R>
): Effect.Effect<A, StoreError, R> =>
  effect.pipe(
    Effect.retry({ times: 3, while: (error) => error._tag === "SqlError" && isSerialization(error) }),
    Effect.mapError((cause) => new StoreError({ call, reason: toReason(cause) })),
    endWithin(
      callDeadline,
      () =>
        new StoreError({ call, reason: new StoreUnavailable({ cause: new Error("no answer in 5 seconds") }) })
    ),
    Effect.withSpan(call)
  )

/** Like `Effect.timeoutOrElse`, without waiting for the end of what is interrupted: the driver drains for 5 s more. */
export const endWithin =
  <E2>(duration: Duration.Duration, late: () => E2) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | E2, R> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.forkDetach(restore(effect)), (fiber) => {
        const abandon = Effect.forkDetach(Fiber.interrupt(fiber))
        const orElse = () => Effect.andThen(abandon, Effect.fail(late()))
        return restore(Effect.timeoutOrElse(Fiber.join(fiber), { duration, orElse })).pipe(
          Effect.onInterrupt(() => abandon)
        )
      })
    )
