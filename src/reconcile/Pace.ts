import { Duration, Effect, Random } from "effect"
import { monotonic } from "./Watching.ts"

interface Fault {
  failures: number
  until: number
}

/**
 * Back-off per host (L7): after a failure nobody asks it before the delay is over, and then one caller does so for all.
 * Delays grow from 1 second to 30 seconds or the interval, whichever is longer, half of each drawn by chance.
 */
export class Pace {
  readonly #faults = new Map<string, Fault>()
  readonly #longest: number

  constructor(interval: Duration.Duration) {
    this.#longest = longestDelay(interval)
  }

  /** Milliseconds until the host may be asked; 0 is now, and makes the caller the one who tries for all. */
  readonly wait = (host: string): Effect.Effect<number> =>
    Effect.map(monotonic, (now) => {
      const fault = this.#faults.get(host)
      if (fault === undefined) return 0
      if (fault.until > now) return fault.until - now
      fault.until = now + longestCall
      return 0
    })

  /** The same, and nobody is made the one who tries. */
  readonly left = (host: string): Effect.Effect<number> =>
    Effect.map(monotonic, (now) => Math.max(0, (this.#faults.get(host)?.until ?? now) - now))

  /** True where it had failed before. */
  readonly answered = (host: string): Effect.Effect<boolean> => Effect.sync(() => this.#faults.delete(host))

  /** Counts a failure and answers the milliseconds to wait; `retryAfter` is what the host itself asked for. */
  readonly failed = (host: string, retryAfter: number | null): Effect.Effect<number> =>
    Effect.gen({ self: this }, function* () {
      const fault = this.#faults.get(host) ?? { failures: 0, until: 0 }
      const delay = Math.max(yield* delayAfter(fault.failures, this.#longest), retryAfter ?? 0)
      fault.failures += 1
      fault.until = (yield* monotonic) + delay
      this.#faults.set(host, fault)
      return delay
    })
}

// The longest that one call to a registry or to Nomad takes: the others wait that long for who tries.
const longestCall = 10_000

/** Back-off ends at 30 seconds or the interval, whichever is longer (`design.md` §9). In milliseconds. */
export const longestDelay = (interval: Duration.Duration): number =>
  Math.max(30_000, Duration.toMillis(interval))

/** An interval, 5 % either way, in milliseconds: what began together drifts apart, and the mean stays. */
export const jittered = (interval: Duration.Duration): Effect.Effect<number> =>
  Effect.map(Random.next, (chance) => Duration.toMillis(interval) * (0.95 + 0.1 * chance))

// As many as a registry is given connections: it sees no more of us at once than it does anyhow.
const together = 8

/**
 * Polls that are due at about the same time, begun at the same: a process that is woken for one request has most of its
 * cost in the waking (`test/bench/sweep.ts`). Of `count` repositories about eight come together, a second apart at most
 * and a sixteenth of the interval, so that they stay as spread over it as they were drawn.
 */
export class Beat {
  /** Between two beats, in milliseconds. */
  readonly #length: number

  constructor(interval: Duration.Duration, count: number) {
    const millis = Duration.toMillis(interval)
    this.#length = Math.min(1000, millis / 16, (millis * together) / Math.max(1, count))
  }

  /** The beat next to this time of the monotonic clock, before or after: in the mean an interval stays as long as it is. */
  readonly nearest = (at: number): number => Math.round(at / this.#length) * this.#length
}

/** Milliseconds after the n-th failure in a row, n from 0. */
export const delayAfter = (failures: number, longest: number): Effect.Effect<number> =>
  Effect.map(Random.next, (chance) => {
    const delay = Math.min(longest, 1000 * 2 ** Math.min(failures, 20))
    return Math.ceil(delay / 2 + (delay / 2) * chance)
  })
