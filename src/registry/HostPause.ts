import { Clock, Effect } from "effect"
import { Unavailable } from "./RegistryError.ts"

/** Which hosts asked us to wait, and until when (L7): their rate limits count all repositories together. */
export const makeHostPause = () => {
  const until = new Map<string, number>()
  return {
    /** Fails at once, with what is left of the wait, while the host is paused. */
    gate: (host: string) =>
      Effect.flatMap(monotonicMs, (now): Effect.Effect<void, Unavailable> => {
        const end = until.get(host)
        if (end === undefined) return Effect.void
        if (end <= now) {
          until.delete(host)
          return Effect.void
        }
        const retryAfter = Math.ceil(end - now)
        const words = `${host}: asked us to wait, for ${Math.ceil(retryAfter / 1_000)} s more`
        return Effect.fail(new Unavailable({ words, retryAfter, cause: "Retry-After" }))
      }),
    /** A pause is never shortened by a later answer that was already under way. */
    pause: (host: string, milliseconds: number) =>
      Effect.map(monotonicMs, (now) => {
        until.set(host, Math.max(until.get(host) ?? 0, now + milliseconds))
      })
  }
}
export type HostPause = ReturnType<typeof makeHostPause>

export const monotonicMs = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos / 1_000_000n))
