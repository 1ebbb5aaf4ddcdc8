import { Effect } from "effect"
import { isAtTarget, unknownMarker } from "../decide/decide.ts"
import type { Situation } from "../decide/Situation.ts"
import { foreignTask } from "../decide/observedImage.ts"
import { isHigher } from "../decide/version.ts"
import type { Desired } from "../domain/Desired.ts"
import type { ObservedTask } from "../domain/Observed.ts"
import { StateStore } from "../store/StateStore.ts"
import type { Watching } from "./Watching.ts"

/** A version above the baseline, which our last listing may not have yet: nobody changed anything back. */
const isForward = ({ tag }: ObservedTask, { pinnedTag, baselineTag }: Desired): boolean =>
  pinnedTag === "" && tag !== null && baselineTag !== null && isHigher(tag, baselineTag)

/**
 * Counts what somebody else wrote, once, in Postgres (S12), and answers the situation with it counted: the very pass
 * that sees the write decides with it. Whoever brings what is wanted fights nobody.
 */
export const countForeign = Effect.fn("countForeign")(function* (watching: Watching, situation: Situation) {
  const { observed, desired, history } = situation
  // Whether ours took its place is not known yet: what was counted stays counted.
  if (observed._tag !== "Runs" || history.openAttempt !== null) return situation
  // What an attempt wrote that a restored database lacks is nobody else's.
  if (unknownMarker(observed, history) !== undefined) return situation
  const foreign = history.rolling.length > 0 ? null : foreignTask(observed, desired, history)
  if (foreign === null || isForward(foreign, desired) || isAtTarget(situation)) {
    watching.countedImages = null
    return situation
  }
  const images = observed.tasks.map(({ image }) => image).join(" ")
  if (watching.countedImages === images) return situation
  const store = yield* StateStore
  const { name, mapping } = watching.watched
  const isNews = yield* store.countForeignWrite(name, mapping.job, images, `image ${foreign.image}`)
  watching.countedImages = images
  if (!isNews) return situation
  watching.known = null
  yield* Effect.logWarning("somebody else changed the image").pipe(
    Effect.annotateLogs({ image: foreign.image, before: desired.baselineTag })
  )
  const foreignWritesLastHour = history.foreignWritesLastHour + 1
  return { ...situation, history: { ...history, foreignWritesLastHour } }
})
