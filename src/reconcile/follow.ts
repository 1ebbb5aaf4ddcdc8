import { Effect } from "effect"
import { couldBe, highestTask } from "../decide/observedImage.ts"
import { isHigher, parseVersion } from "../decide/version.ts"
import { Deployer, type Progress } from "../deployer/Deployer.ts"
import { type Attempt, isBeingFailed, refusedOrder } from "../domain/Attempt.ts"
import type { ObservedTask } from "../domain/Observed.ts"
import type { Fence } from "../store/Leader.ts"
import type { SeenBaseline } from "../store/desired.ts"
import { StateStore } from "../store/StateStore.ts"
import { countRollout } from "./metrics.ts"

/** What a look at the rollouts found. */
export interface Followed {
  /** Their jobs want a pass. */
  readonly ended: ReadonlyArray<Attempt>
  /** With the phase and deployment that they have now. */
  readonly moved: ReadonlyArray<Attempt>
}

/**
 * Reads where rollouts stand, in one or few calls for all of them, and writes down what changed. `forget` is called before an end is written: what was read of the job before it is
 * old by then, and a pass that sees the end must not see the other.
 */
export const follow = Effect.fn("follow")(function* (
  fence: Fence,
  rolling: ReadonlyArray<Attempt>,
  forget: (attempt: Attempt) => void
) {
  const ended: Array<Attempt> = []
  const moved: Array<Attempt> = []
  if (rolling.length === 0) return { ended, moved } satisfies Followed
  const deployer = yield* Deployer
  const store = yield* StateStore
  const progress = yield* deployer.progress(rolling)
  // Who is to blame is written down first: others are spared for it.
  const isSpared = ({ id }: Attempt): boolean => {
    const stands = progress.get(id)
    return stands?._tag === "Ended" && stands.blame === "others"
  }
  for (const attempt of rolling.toSorted((a, b) => Number(isSpared(a)) - Number(isSpared(b)))) {
    const stands = progress.get(attempt.id)
    if (stands === undefined) continue
    const annotations = { repository: attempt.repository, attempt: attempt.id, tag: attempt.toTag }
    if (stands._tag === "Ended") {
      forget(attempt)
      if (yield* end(fence, attempt, stands).pipe(Effect.annotateLogs(annotations))) ended.push(attempt)
      continue
    }
    const { phase, words, nomadVersion, deploymentId } = stands
    if (phase === attempt.phase && deploymentId === attempt.deploymentId) continue
    yield* store.setPhase(fence, attempt.id, { phase, words, nomadVersion, deploymentId })
    yield* Effect.logInfo("rollout").pipe(Effect.annotateLogs({ ...annotations, phase, words }))
    moved.push({ ...attempt, phase, deploymentId })
  }
  return { ended, moved } satisfies Followed
})

type Ended = Extract<Progress, { readonly _tag: "Ended" }>

/** True where the attempt ended by this. */
const end = Effect.fnUntraced(function* (
  fence: Fence,
  attempt: Attempt,
  { outcome, revertedTo, deploymentId, nomadVersion, words: said, blame: told, swallowed }: Ended
) {
  const store = yield* StateStore
  const isBad = outcome === "failed" || outcome === "reverted"
  // It may have been ordered since the attempt was read that is followed.
  const now = (isBad || outcome === "succeeded" ? yield* store.attempt(attempt.id) : null) ?? attempt
  // Who fails a rollout says that this image is not wanted, whatever its tasks did (S11).
  const isFailed = isBad && isBeingFailed(now)
  const { orderedBy, orderedWhy } = now
  const ended = { ...now, deploymentId: deploymentId ?? now.deploymentId }
  const refused = refusedOrder(ended)
  const isLate = outcome === "succeeded" && (isBeingFailed(ended) || refused?.order === "fail")
  const words = isFailed
    ? `failed by ${orderedBy}${orderedWhy === null ? "" : `: ${orderedWhy}`} (${said})`
    : isLate
      ? `${said}; ${refused?.by ?? orderedBy} ordered too late that it fails${refused === null ? "" : ` (${refused.words})`}`
      : said
  const blame = isFailed ? "image" : told
  const done = yield* store.end(fence, {
    attempt: attempt.id,
    outcome,
    words,
    nomadVersion,
    deploymentId,
    blame,
    swallowed,
    baseline: seenIn(revertedTo),
    raise: outcome === "succeeded" ? yield* newMark(attempt) : null
  })
  if (done) {
    yield* countRollout(outcome)
    const log = isBad ? Effect.logWarning("rollout ended") : Effect.logInfo("rollout ended")
    yield* log.pipe(Effect.annotateLogs({ outcome, words, blame }))
  }
  return done
})

/** Null where no version was rolled back to, or it is kept no more: the baseline then stays. */
const seenIn = ([first, ...rest]: ReadonlyArray<ObservedTask>): SeenBaseline | null => {
  if (first === undefined) return null
  const { tag, digest } = highestTask({ tasks: [first, ...rest] })
  return { tag, digest, ofAll: [first, ...rest].every((task) => couldBe(task, { tag, digest })) }
}

/** The high-water mark only rises by itself, a tag without order below all versions; requests set it when accepted. */
const newMark = Effect.fnUntraced(function* ({ repository, toTag }: Attempt) {
  const store = yield* StateStore
  const { highWaterMark: over } = yield* store.desired(repository)
  const isHigherThanIt =
    over === null || isHigher(toTag, over) || (parseVersion(over) === null && parseVersion(toTag) !== null)
  return isHigherThanIt ? { over } : null
})
