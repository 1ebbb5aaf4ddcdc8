import { Effect, Latch } from "effect"
import { Deployer } from "../deployer/Deployer.ts"
import type { JobRef } from "../domain/JobRef.ts"
import type { Unread } from "../domain/Observed.ts"
import { Follower } from "./Follower.ts"

/**
 * One region and namespace of Nomad: what its listing says of all jobs in it by one call, and who follows its rollouts.
 * Nothing here waits for another, so that one that does not answer delays none (L6).
 */
export class Scope {
  readonly region: string
  readonly namespace: string
  readonly follower = new Follower()
  /** Why it cannot be listed, while that lasts; its jobs are then not asked either. */
  fault: Unread | null = null
  readonly #stale = Latch.makeUnsafe(false)

  constructor(region: string, namespace: string) {
    this.region = region
    this.namespace = namespace
  }

  has(job: JobRef): boolean {
    return job.region === this.region && job.namespace === this.namespace
  }

  /** What it listed may lack a change that nobody told of. */
  stale(): void {
    this.#stale.openUnsafe()
  }

  /** Waits until what was listed last is stale. */
  readonly isStale = this.#stale.await

  /** Lists it and answers the jobs' indexes, or null where that says nothing; logs a fault when it changes. */
  readonly list = Effect.gen({ self: this }, function* () {
    const deployer = yield* Deployer
    this.#stale.closeUnsafe()
    return yield* deployer.indexes({ region: this.region, namespace: this.namespace }).pipe(
      Effect.tap(() =>
        Effect.gen({ self: this }, function* () {
          if (this.fault !== null) yield* Effect.logInfo("Nomad answers again")
          this.fault = null
        })
      ),
      Effect.catchTag("Unread", (unread) =>
        Effect.gen({ self: this }, function* () {
          // A token without list-jobs may still read each of its jobs.
          const fault = unread.reason === "forbidden" ? null : unread
          if (fault !== null && this.fault?.words !== fault.words) {
            yield* Effect.logWarning("Nomad cannot be read").pipe(Effect.annotateLogs({ words: fault.words }))
          }
          this.fault = fault
          return null
        })
      ),
      Effect.annotateLogs({ namespace: this.namespace, region: this.region })
    )
  })
}
