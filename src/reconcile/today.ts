import { Clock, Effect } from "effect"

/** The wall clock as a `Date`, for what people read and for holds; nothing is scheduled by it (S19). */
export const today: Effect.Effect<Date> = Effect.map(Clock.currentTimeMillis, (millis) => new Date(millis))
