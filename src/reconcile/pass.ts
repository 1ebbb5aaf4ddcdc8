import { Duration, Effect } from "effect"
import { decide } from "../decide/decide.ts"
import { isAnswered } from "../decide/decideRequest.ts"
import type { Situation } from "../decide/Situation.ts"
import { isHoldOver } from "../decide/hold.ts"
import { nextTurn } from "../decide/nextTurn.ts"
import {
  foreignTask,
  highestTask,
  isBaselineOfAll,
  isImageOfAll,
  runningDigest
} from "../decide/observedImage.ts"
import type { Base } from "../deployer/Deployer.ts"
import type { Attempt } from "../domain/Attempt.ts"
import { type Decision, type Deploy, Wait } from "../domain/Decision.ts"
import type { Desired } from "../domain/Desired.ts"
import type { Digest } from "../domain/Digest.ts"
import type { Observed } from "../domain/Observed.ts"
import { StateStore } from "../store/StateStore.ts"
import { aim } from "./aim.ts"
import { deploy, type Deployed, intendedBefore } from "./deploy.ts"
import { fetchManifest } from "./fetchManifest.ts"
import { settle } from "./settle.ts"
import { steer, withCanaries } from "./steer.ts"
import { type Passing, seenBy, survey } from "./survey.ts"
import type { Watching } from "./Watching.ts"

/** What a pass left: its decision, and when the job wants the next one, whatever its polls say. */
export interface PassAnswer {
  readonly decision: Decision
  /** Null: when a poll is due, or something wakes it. */
  readonly retryIn: Duration.Duration | null
  /** Nomad or the registry did not answer as it should: the repository backs off, `retryIn` at least. */
  readonly isFault: boolean
}

/**
 * One pass over one repository: observe, view, decide, record, act. It looks at levels, never at what woke it, and never
 * waits for a rollout. A decision is recorded before it is acted on: a crash in between leaves a trace, and the next
 * pass decides the same again.
 */
export const pass = Effect.fn("pass")(function* (watching: Watching, passing: Passing) {
  const { fence } = passing
  let { situation, base, isFresh } = yield* survey(watching, passing, false)
  const { openAttempt } = situation.history
  if (openAttempt !== null && openAttempt.state !== "intended" && situation.observed._tag !== "Unread") {
    const unsettled = yield* settle(fence, openAttempt, isGivenUp(openAttempt, situation.desired))
    if (unsettled !== null) {
      yield* record(watching, unsettled.show)
      return { decision: unsettled.show, retryIn: unsettled.retryIn, isFault: false } satisfies PassAnswer
    }
    ;({ situation, base, isFresh } = yield* survey(watching, passing, true))
  }
  situation = yield* withCanaries(fence, situation)
  let first = decide(situation)
  if (first._tag === "Deploy" && !isFresh) {
    // What acts is decided on a read of this very pass (S3).
    ;({ situation, base } = yield* survey(watching, passing, true))
    situation = yield* withCanaries(fence, situation)
    first = decide(situation)
  }
  const aimed = yield* aim(
    situation,
    first,
    (decision, { desired }) =>
      Effect.map(fetchManifest(watching, decision, passing, desired), (fetched) => ({
        fetched,
        seen: seenBy(watching)
      })),
    (situation, decision) => amongAll(watching, passing, situation, decision)
  )
  const { decision, digest } = aimed
  if (decision._tag === "Deploy" && digest !== null && base !== undefined) {
    return yield* act(watching, passing, aimed.situation, base, decision, digest)
  }
  const answer = yield* conclude(watching, passing, aimed.situation, decision)
  // There may be more tags that are none below those: the next listing would bring the same ones back to the top.
  return decision._tag === "Deploy" ? { ...answer, retryIn: null, isFault: true } : answer
})

/** Nobody waits any more for an outcome that cannot be told: a later request, or a person's word, says so (S6). */
const isGivenUp = (attempt: Attempt, { repository, requestedGeneration, abandoned }: Desired): boolean =>
  abandoned === attempt.id ||
  (requestedGeneration !== null &&
    (repository !== attempt.repository || requestedGeneration > attempt.generation))

/** What all repositories together leave of an automatic move: the brake (S17), and a place among the rollouts. */
const amongAll = Effect.fnUntraced(function* (
  watching: Watching,
  { fence, brake, slots }: Passing,
  { desired }: Situation,
  decision: Decision
) {
  if (decision._tag !== "Deploy" || decision.reason === "requested") return decision
  const stopped = yield* brake.stop(fence, watching, decision, desired.pinnedTag !== "")
  return stopped ?? slots.stop(watching.watched, decision) ?? decision
})

const record = Effect.fnUntraced(function* (watching: Watching, decision: Decision) {
  // What waits may be mended by what Postgres says next; what is in sync is told of changes.
  if (decision._tag !== "InSync") watching.known = null
  const printed = JSON.stringify(decision)
  if (watching.recorded === printed) return
  const store = yield* StateStore
  const isNews = yield* store.saveDecision(watching.watched.name, decision)
  watching.recorded = printed
  if (!isNews) return
  const { _tag, ...facts } = decision
  const log = _tag === "Stall" ? Effect.logWarning("decided") : Effect.logInfo("decided")
  yield* log.pipe(Effect.annotateLogs({ decision: _tag, ...facts }))
})

const isUnderWay = (observed: Observed): boolean =>
  observed._tag === "Runs" && observed.deployment?.status === "running"

/** The end of a pass that registers nothing. */
const conclude = Effect.fnUntraced(function* (
  watching: Watching,
  { fence, scope }: Passing,
  situation: Situation,
  decision: Decision
) {
  const store = yield* StateStore
  const { desired, observed, history } = situation
  // Of ours the follower tells the end, in one call for all. Of somebody else's nobody does, and one that fails and is
  // not rolled back moves no index; nor does a pause, or its end.
  const isTold = scope.follower.isFollowing(watching.watched.mapping.job) && isUnderWay(observed)
  if (decision._tag === "Follow" && !isTold) watching.observed = null
  const open = history.openAttempt
  const isOurs = open?.repository === watching.watched.name
  if (open !== null && isOurs && decision._tag !== "Settle" && observed._tag !== "Unread") {
    // Never sent, and not what is wanted now.
    yield* store.move(fence, open.id, "aborted", open.words ?? "never sent")
    watching.known = null
  }
  if (desired.requestedGeneration !== null && isAnswered(situation)) {
    yield* store.closeRequest(fence, watching.watched.name, desired.requestedGeneration)
    watching.known = null
    yield* Effect.logInfo("request closed: what it asks for is there").pipe(
      Effect.annotateLogs({ by: desired.requestedBy })
    )
  }
  if (isHoldOver(desired, decision, situation.now)) {
    if (yield* store.endHold(fence, watching.watched.name, desired.generation)) {
      yield* Effect.logInfo("hold is over").pipe(Effect.annotateLogs({ by: desired.hold?.by }))
    }
    watching.known = null
  }
  if (decision._tag === "InSync" && observed._tag === "Runs") {
    const task = highestTask(observed)
    const digest = runningDigest(task, desired, history)
    // Somebody registered our tag anew, or the registry was silent at first sight: what that pulled is the digest of now.
    const isLearnt = digest === null && decision.digest !== null
    const image = { tag: task.tag, digest: digest ?? decision.digest }
    const ofAll = isImageOfAll(image, observed, desired, history)
    // They differed when they were seen; or a release before set the baseline, which kept nothing of the others.
    const isOfAllNow = ofAll && observed.tasks.length > 1 && !isBaselineOfAll(desired, history)
    // Somebody else brought what is wanted.
    if (isLearnt || isOfAllNow || foreignTask(observed, desired, history) !== null) {
      yield* store.setBaseline(fence, watching.watched.name, { ...image, ofAll, raiseTo: null })
      watching.known = null
    }
  }
  // What is sent to a rollout is written down with the attempt; what Nomad did not take is told instead of what it was
  // sent for, and stays what is told while it is sent again.
  const steered = yield* steer(fence, situation, decision)
  yield* record(watching, steered?.show ?? decision)
  if (steered !== null) {
    const { show, retryIn, isFault } = steered
    watching.known = null
    return { decision: show ?? decision, retryIn, isFault } satisfies PassAnswer
  }
  const isFault =
    decision._tag === "Wait" && (decision.reason === "nomad_unreachable" || decision.reason === "forbidden")
  const turn = nextTurn(situation)
  const retryIn = isFault || turn === null ? null : Duration.millis(turn.getTime() - situation.now.getTime())
  return { decision, retryIn, isFault } satisfies PassAnswer
})

/** Records, registers, and says when to look again. */
const act = Effect.fnUntraced(function* (
  watching: Watching,
  passing: Passing,
  situation: Situation,
  base: Base,
  decision: Deploy,
  digest: Digest
) {
  const { fence } = passing
  if (situation.observed._tag !== "Runs") return yield* Effect.die("decided to deploy what was not observed")
  const would = { tag: decision.tag, digest }
  const ground = { ...situation, runs: situation.observed, base }
  const again = intendedBefore(decision, digest, ground)
  // Waiting to be taken is what is told of it meanwhile.
  if (again === null) yield* record(watching, decision)
  const deployed = yield* deploy(fence, decision, digest, ground, again).pipe(
    // Before the attempt's row: the source of the job could not be read.
    Effect.catchTag("Unread", ({ reason, words }) =>
      Effect.succeed(Wait.make({ reason, words, would, verdict: null }))
    )
  )
  watching.forget()
  if (deployed._tag === "Wait") return yield* conclude(watching, passing, situation, deployed)
  if (deployed._tag === "NotApplied") {
    const reason = deployed.forbidden ? "forbidden" : "backing_off"
    yield* record(watching, Wait.make({ reason, words: deployed.words, would, verdict: null }))
  } else if (again !== null) {
    yield* record(watching, decision)
  }
  return { decision, ...after(deployed) } satisfies PassAnswer
})

/**
 * Accepted, rejected or unknown: the next pass sees what came of it. Somebody else's write in between is a fault like
 * any other: one is over in a moment, and who keeps writing is not met with an attempt each time.
 */
const after = (deployed: Deployed): Pick<PassAnswer, "retryIn" | "isFault"> => {
  switch (deployed._tag) {
    case "NotApplied":
      return { retryIn: Duration.millis(deployed.retryAfter ?? 0), isFault: true }
    case "Conflict":
    case "Refused":
      return { retryIn: Duration.zero, isFault: true }
    case "Accepted":
    case "Rejected":
    case "Unknown":
      return { retryIn: Duration.zero, isFault: false }
  }
}
