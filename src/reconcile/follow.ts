import { Effect } from "effect"
import { isHigher } from "../decide/version.ts"
import { Deployer, type Progress } from "../deployer/Deployer.ts"
import type { Attempt } from "../domain/Attempt.ts"
import type { ObservedTask } from "../domain/Observed.ts"
import type { Fence } from "../store/Leader.ts"
import { StateStore } from "../store/StateStore.ts"

/**
 * Reads where rollouts stand, in one or few calls for all of them, and writes down what changed. Answers the attempts
 * that ended; their jobs want a pass. `forget` is called before an end is written: what was read of the job before it is
 * old by then, and a pass that sees the end must not see the other.
 */
export const follow = Effect.fn("follow")(function* (
  fence: Fence,
  rolling: ReadonlyArray<Attempt>,
  forget: (attempt: Attempt) => void
) {
  if (rolling.length === 0) return []
  const deployer = yield* Deployer
  const progress = yield* deployer.progress(rolling)
  const ended: Array<Attempt> = []
  for (const attempt of rolling) {
    const stands = progress.get(attempt.id)
    if (stands === undefined) continue
    const annotations = { repository: attempt.repository, attempt: attempt.id, tag: attempt.toTag }
    if (stands._tag === "Ended") forget(attempt)
    if (yield* record(fence, attempt, stands).pipe(Effect.annotateLogs(annotations))) ended.push(attempt)
  }
  return ended
})

/** True where the attempt ended by this. */
const record = Effect.fnUntraced(function* (fence: Fence, attempt: Attempt, stands: Progress) {
  const store = yield* StateStore
  const { deploymentId, nomadVersion, words } = stands
  if (stands._tag === "Rolling") {
    if (stands.phase !== attempt.phase || deploymentId !== attempt.deploymentId) {
      yield* store.setPhase(fence, attempt.id, { phase: stands.phase, words, nomadVersion, deploymentId })
      yield* Effect.logInfo("rollout").pipe(Effect.annotateLogs({ phase: stands.phase, words }))
    }
    return false
  }
  const { outcome, revertedTo } = stands
  const isBad = outcome === "failed" || outcome === "reverted"
  const done = yield* store.end(fence, {
    attempt: attempt.id,
    outcome,
    words,
    nomadVersion,
    deploymentId,
    quarantine: isBad ? { why: words, until: null } : null,
    baseline: imageOf(revertedTo),
    raise: outcome === "succeeded" && (yield* isNewMark(attempt))
  })
  if (done) {
    const log = isBad ? Effect.logWarning("rollout ended") : Effect.logInfo("rollout ended")
    yield* log.pipe(Effect.annotateLogs({ outcome, words }))
  }
  return done
})

/** Null where no version was rolled back to, or it is kept no more: the baseline then stays. */
const imageOf = ([first]: ReadonlyArray<ObservedTask>) =>
  first === undefined ? null : { tag: first.tag, digest: first.digest }

/** The high-water mark only rises by itself; requests set it when they are accepted. */
const isNewMark = Effect.fnUntraced(function* ({ repository, toTag }: Attempt) {
  const store = yield* StateStore
  const { highWaterMark } = yield* store.desired(repository)
  return highWaterMark === null || isHigher(toTag, highWaterMark)
})
