import { Clock, Effect } from "effect"

interface Bucket {
  tokens: number
  /** Monotonic, in nanoseconds. */
  at: bigint
}

// Keys come from outside; this many buckets are a few megabytes.
const maxBuckets = 10_000

/** A token bucket for each key: `burst` calls at once, `perSecond` over time. */
export class RateLimiter {
  readonly #buckets = new Map<string, Bucket>()
  readonly #perSecond: number
  readonly #burst: number

  constructor({ perSecond, burst }: { readonly perSecond: number; readonly burst: number }) {
    this.#perSecond = perSecond
    this.#burst = burst
  }

  /** False if the key has used up its calls. */
  allows(key: string): Effect.Effect<boolean> {
    return Effect.map(Clock.monotonicTimeNanos, (now) => this.#take(key, now))
  }

  #take(key: string, now: bigint): boolean {
    const bucket = this.#buckets.get(key) ?? { tokens: this.#burst, at: now }
    // Deleted and set again: the map's order is that of use, and the first is the longest unused.
    this.#buckets.delete(key)
    this.#buckets.set(key, bucket)
    for (const oldest of this.#buckets.keys()) {
      if (this.#buckets.size <= maxBuckets) break
      this.#buckets.delete(oldest)
    }
    const seconds = Number(now - bucket.at) / 1e9
    bucket.tokens = Math.min(this.#burst, bucket.tokens + seconds * this.#perSecond)
    bucket.at = now
    if (bucket.tokens < 1) return false
    bucket.tokens -= 1
    return true
  }
}
