import { Duration, Effect, Schedule } from "effect"
import type { Attempt } from "../domain/Attempt.ts"
import { jobKey } from "../domain/JobRef.ts"
import type { Watched } from "../domain/Watched.ts"
import type { Fence } from "../store/Leader.ts"
import { StateStore } from "../store/StateStore.ts"
import { settle } from "./settle.ts"

/** What the attempts of the holder before mean for the watch that begins. */
export interface TakenOver {
  /** Keys of the watched jobs with attempts that are open or rolling: their first passes come at once. */
  readonly busy: ReadonlySet<string>
  /** Open attempts on jobs that nobody watches any more. */
  readonly orphans: ReadonlyArray<Attempt>
}

/** Rollouts of repositories that are watched no more, or in another job now, are followed no more (S18). */
export const takeOver = Effect.fn("takeOver")(function* (fence: Fence, watched: ReadonlyArray<Watched>) {
  const store = yield* StateStore
  const jobOf = new Map(watched.map(({ name, mapping }) => [name, jobKey(mapping.job)]))
  const jobs = new Set(jobOf.values())
  const busy = new Set<string>()
  const orphans: Array<Attempt> = []
  for (const attempt of yield* store.takeOver(fence)) {
    const job = jobKey(attempt)
    if (attempt.state === "accepted" && jobOf.get(attempt.repository) !== job) yield* leave(fence, attempt)
    else if (jobs.has(job)) busy.add(job)
    else orphans.push(attempt)
  }
  return { busy, orphans } satisfies TakenOver
})

// Nobody waits for it, and Nomad's region may be gone for good.
const between = Duration.seconds(30)

/** Settles an attempt that no pass will come to, so that its row says what became of it as well. */
export const settleOrphan = Effect.fn("settleOrphan")(function* (fence: Fence, attempt: Attempt) {
  for (;;) {
    const unsettled = yield* settle(fence, attempt, true).pipe(
      Effect.retry(Schedule.spaced(between)),
      Effect.orDie
    )
    if (unsettled === null) break
    yield* Effect.sleep(Duration.max(unsettled.retryIn, between))
  }
  yield* leave(fence, attempt).pipe(Effect.retry(Schedule.spaced(between)), Effect.orDie)
})

const leave = Effect.fnUntraced(function* (fence: Fence, attempt: Attempt) {
  const store = yield* StateStore
  yield* store.end(fence, {
    attempt: attempt.id,
    outcome: "superseded",
    words: "its repository is watched no more, or in another job",
    nomadVersion: attempt.nomadVersion,
    deploymentId: attempt.deploymentId,
    blame: null,
    swallowed: false,
    baseline: null,
    raise: null
  })
})
