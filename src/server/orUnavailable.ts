import { Effect } from "effect"
import { Unavailable } from "../api/ApiError.ts"
import type { StoreError } from "../store/StoreError.ts"

/** A database that does not answer is 503; a row that can not be read is a defect, and 500. */
export const orUnavailable = <A, R>(
  effect: Effect.Effect<A, StoreError, R>
): Effect.Effect<A, Unavailable, R> =>
  Effect.catch(effect, (error) =>
    error.isRetryable
      ? Effect.andThen(
          Effect.logWarning("database unavailable").pipe(
            Effect.annotateLogs({ call: error.call, why: String(error.cause) })
          ),
          Effect.fail(new Unavailable({ message: "the database does not answer; try again" }))
        )
      : Effect.die(error)
  )
