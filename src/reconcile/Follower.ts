import { Duration, Effect, Latch } from "effect"
import type { Attempt } from "../domain/Attempt.ts"
import { type JobRef, jobKey } from "../domain/JobRef.ts"
import type { Fence } from "../store/Leader.ts"
import { follow } from "./follow.ts"

const every = Duration.seconds(2)
/** The least between two looks, however many rollouts Nomad tells of. */
const apart = Duration.seconds(1)

const isAwaiting = (attempt: Attempt | undefined): boolean => attempt?.phase === "awaiting_promotion"

/** The rollouts of a namespace, followed together: one or few calls every 2 seconds while there are any (`design.md` §5). */
export class Follower {
  readonly #rolling = new Map<string, ReadonlyArray<Attempt>>()
  readonly #hurries = Latch.makeUnsafe(false)

  /** What the job's last history says of its rollouts. */
  track(job: JobRef, rolling: ReadonlyArray<Attempt>): void {
    if (rolling.length === 0) this.#rolling.delete(jobKey(job))
    else this.#rolling.set(jobKey(job), rolling)
  }

  isFollowing(job: JobRef): boolean {
    return this.#rolling.has(jobKey(job))
  }

  /** Something happened to a rollout: the next look comes a second after the last, and not two. */
  hurry(): void {
    this.#hurries.openUnsafe()
  }

  /** What was written of its rollout, so that it is not news at the next look. */
  #moved(attempt: Attempt): void {
    const rolling = this.#rolling.get(jobKey(attempt)) ?? []
    this.#rolling.set(
      jobKey(attempt),
      rolling.map((kept) => (kept.id === attempt.id ? attempt : kept))
    )
  }

  /** Follows for ever: `forget` drops what is remembered of the job, of an end before that is written; `wake` wants a pass after. */
  readonly run = (fence: Fence, forget: (job: JobRef) => void, wake: (job: JobRef) => void) =>
    Effect.gen({ self: this }, function* () {
      this.#hurries.closeUnsafe()
      const { ended, moved } = yield* follow(fence, [...this.#rolling.values()].flat(), forget)
      for (const attempt of moved) {
        const before = this.#rolling.get(jobKey(attempt))?.find(({ id }) => id === attempt.id)
        this.#moved(attempt)
        // Canaries that get healthy may be promoted, and a person is told of those that wait for one.
        if (isAwaiting(before) === isAwaiting(attempt)) continue
        forget(attempt)
        wake(attempt)
      }
      for (const attempt of ended) wake(attempt)
    }).pipe(
      Effect.catchTags({
        // The listing of the namespace is what says so in the log.
        Unread: () => Effect.void,
        StoreError: (error) =>
          Effect.logWarning("rollouts not recorded").pipe(Effect.annotateLogs({ error: error.message }))
      }),
      Effect.andThen(Effect.sleep(apart)),
      Effect.andThen(Effect.raceFirst(this.#hurries.await, Effect.sleep(Duration.subtract(every, apart)))),
      Effect.forever
    )
}
