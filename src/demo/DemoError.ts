import { Data, Effect, Schedule } from "effect"

/** A part did not start, or a step did not happen; the words are for people. */
export class DemoError extends Data.TaggedError("DemoError")<{ readonly message: string }> {}

const apart = 100 // milliseconds

/** Asks again and again until there is an answer; what it waited for is in the error's words after `seconds`. */
export const until = <A, E, R>(
  what: string,
  ask: Effect.Effect<A | undefined, E, R>,
  seconds = 60
): Effect.Effect<A, E | DemoError, R> =>
  Effect.flatMap(ask, (answer) =>
    answer === undefined ? Effect.fail(new NotYet()) : Effect.succeed(answer)
  ).pipe(
    Effect.retry({ schedule: Schedule.spaced(apart), while: (error) => error instanceof NotYet }),
    Effect.timeoutOrElse({ duration: `${seconds} seconds`, orElse: () => late(what, seconds) }),
    Effect.catchIf(
      (error): error is NotYet => error instanceof NotYet,
      () => late(what, seconds)
    )
  )

class NotYet extends Data.TaggedError("NotYet") {}

const late = (what: string, seconds: number) =>
  Effect.fail(new DemoError({ message: `waited ${seconds} s for ${what}` }))
