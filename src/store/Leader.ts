import { Context, Effect, Layer } from "effect"
import { Database } from "./Database.ts"
import { lease } from "./lease.ts"
import type { StoreError } from "./StoreError.ts"

/** Drawn at each acquisition; every state change of an attempt is conditional on both (S1, S15). */
export interface Fence {
  readonly epoch: number
  readonly holder: string
}

/** The lease can not be proven right now: nothing may be done with the fence. */
export interface NotLeading {
  readonly _tag: "NotLeading"
}

/**
 * The one instance that acts: it holds a session advisory lock (`design.md` §7). The session proves itself
 * every second; `TTL` is 5 s, and the holder stops by its own monotonic clock 1 s before that.
 */
export class Leader extends Context.Service<
  Leader,
  {
    /**
     * Waits for the lock, again and again, and runs `body` while it is held. `body` is interrupted when the lease
     * is lost and started anew, with a new fence, when it is won again; one that ends gives the lease back, so that
     * another instance can try. Never returns.
     */
    lead<R>(body: (fence: Fence) => Effect.Effect<void, never, R>): Effect.Effect<never, never, R>
    /** Runs `effect` only if the last answered heartbeat was sent less than TTL − 1 s ago (S15). */
    guard<A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | NotLeading, R>
    /** True while this instance leads. */
    readonly leads: Effect.Effect<boolean>
    /** Who leads, as Postgres has it: this instance or another; null before the first ever. */
    readonly leadership: Effect.Effect<(Fence & { readonly since: Date }) | null, StoreError>
  }
>()("registrywatcher/store/Leader") {
  /** On a database that is migrated. Nothing is asked of it before `lead` runs. */
  static readonly layer = Layer.effect(Leader, Effect.flatMap(Database, lease))
}
