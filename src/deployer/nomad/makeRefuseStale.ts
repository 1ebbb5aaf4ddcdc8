import { Clock, Duration, Effect } from "effect"
import { type JobRef, jobKey } from "../../domain/JobRef.ts"
import { unreachable } from "./makeRead.ts"
import type { NomadJob } from "./NomadJob.ts"

/** How long a lower index is taken for a stale read; after that the cluster was restored from a snapshot. */
const staleFor = Duration.toNanosUnsafe(Duration.minutes(1))

interface Seen {
  readonly createIndex: number
  readonly modifyIndex: number
  readonly lowSince: bigint | undefined
}

/**
 * Fails for a job whose index is below one seen before, or below `floor`, in the same life of the job (S24): it came
 * from a server that has fallen behind.
 */
export const makeRefuseStale = () => {
  const seen = new Map<string, Seen>()
  return Effect.fnUntraced(function* (ref: JobRef, job: NomadJob, floor: number) {
    const key = jobKey(ref)
    const known = seen.get(key)
    const highest = Math.max(floor, known?.createIndex === job.CreateIndex ? known.modifyIndex : 0)
    const now = yield* Clock.monotonicTimeNanos
    const lowSince = job.ModifyIndex < highest ? (known?.lowSince ?? now) : undefined
    const isStale = lowSince !== undefined && now - lowSince < staleFor
    seen.set(key, {
      createIndex: job.CreateIndex,
      modifyIndex: isStale ? highest : job.ModifyIndex,
      lowSince
    })
    if (isStale)
      return yield* Effect.fail(
        unreachable(
          `Nomad answered with the job at index ${job.ModifyIndex}, after ${highest} was seen: a server that has fallen behind, or a Nomad that was restored, which is believed after a minute`
        )
      )
  })
}
