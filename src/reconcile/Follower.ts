import { Duration, Effect } from "effect"
import type { Attempt } from "../domain/Attempt.ts"
import { type JobRef, jobKey } from "../domain/JobRef.ts"
import type { Fence } from "../store/Leader.ts"
import { follow } from "./follow.ts"

const every = Duration.seconds(2)

/** The rollouts of all jobs, followed together: one or few calls every 2 seconds while there are any (`design.md` §5). */
export class Follower {
  readonly #rolling = new Map<string, ReadonlyArray<Attempt>>()

  /** What the job's last history says of its rollouts. */
  track(job: JobRef, rolling: ReadonlyArray<Attempt>): void {
    if (rolling.length === 0) this.#rolling.delete(jobKey(job))
    else this.#rolling.set(jobKey(job), rolling)
  }

  /** Follows for ever: `forget` drops what is remembered of the job before an end is written, `wake` wants a pass after. */
  readonly run = (fence: Fence, forget: (job: JobRef) => void, wake: (job: JobRef) => void) =>
    Effect.gen({ self: this }, function* () {
      for (const job of yield* follow(fence, [...this.#rolling.values()].flat(), forget)) wake(job)
    }).pipe(
      Effect.catchTags({
        // The listing of the namespace is what says so in the log.
        Unread: () => Effect.void,
        StoreError: (error) =>
          Effect.logWarning("rollouts not recorded").pipe(Effect.annotateLogs({ error: error.message }))
      }),
      Effect.andThen(Effect.sleep(every)),
      Effect.forever
    )
}
