import { Context, Duration, Effect } from "effect"
import { Deployer } from "../deployer/Deployer.ts"
import type { Attempt } from "../domain/Attempt.ts"
import { Stall, type Decision, Settle, Wait } from "../domain/Decision.ts"
import type { Fence } from "../store/Leader.ts"
import { StateStore } from "../store/StateStore.ts"

/**
 * The longest that a lost register can live: 10 s in the client, 5 s held by the leader, 30 s in Raft (S6). Tests
 * shorten it; nothing else may.
 */
export const LostRegisterLife = Context.Reference<Duration.Duration>(
  "registrywatcher/reconcile/LostRegisterLife",
  {
    defaultValue: () => Duration.seconds(45)
  }
)

/** What settling found: a decision to show and wait on, or null: the attempt is open no more. */
export type SettleAnswer = { readonly show: Decision; readonly retryIn: Duration.Duration } | null

/**
 * Takes an attempt that was sent out of its doubt, by its marker in the job and its versions (S6). `isGivenUp`: what
 * cannot be told any more is `lost`, and stalls nothing.
 */
export const settle = Effect.fn("settle")(
  function* (fence: Fence, attempt: Attempt, isGivenUp: boolean) {
    const deployer = yield* Deployer
    const store = yield* StateStore
    const settled = yield* deployer.settle(attempt)
    // What nobody can tell any more is asked for at every pass, until a person gives it up: its decision says so once.
    if (settled._tag !== "OutOfReach" || isGivenUp) {
      yield* Effect.logInfo("settled attempt").pipe(
        Effect.annotateLogs({ attempt: attempt.id, found: settled._tag, tag: attempt.toTag })
      )
    }
    switch (settled._tag) {
      case "Accepted": {
        const { nomadIndex, nomadVersion } = settled
        yield* store.accept(fence, attempt.id, { nomadIndex, nomadVersion, evalId: null })
        return null
      }
      case "Moved":
        yield* store.move(fence, attempt.id, "conflict", settled.words)
        return null
      case "OutOfReach":
        // Its holder died with it.
        if (attempt.state === "submitted") yield* store.move(fence, attempt.id, "unknown", settled.words)
        if (!isGivenUp) {
          const words = `attempt ${attempt.id} at ${attempt.toTag}: ${settled.words}`
          return {
            show: Stall.make({ reason: "unknown_outcome", words, would: null }),
            retryIn: Duration.minutes(1)
          } satisfies SettleAnswer
        }
        yield* store.move(fence, attempt.id, "lost", settled.words)
        return null
      case "Absent": {
        const life = yield* LostRegisterLife
        const left = Duration.toMillis(life) - (yield* store.age(attempt.id))
        if (left > 0) {
          return {
            show: Settle.make({ attempt: attempt.id }),
            retryIn: Duration.millis(left)
          } satisfies SettleAnswer
        }
        // Proved never applied: what is still wanted is decided anew and sent as a new attempt.
        yield* store.move(fence, attempt.id, "intended", "the register was lost before Nomad took it")
        yield* store.move(fence, attempt.id, "aborted", "the register was lost before Nomad took it")
        return null
      }
    }
  },
  (effect) =>
    Effect.catchTag(effect, "Unread", (unread) =>
      Effect.succeed<SettleAnswer>({
        show: Wait.make({ reason: unread.reason, words: unread.words, would: null, verdict: null }),
        retryIn: Duration.seconds(2)
      })
    )
)
