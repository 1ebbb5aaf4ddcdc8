import { Duration, Effect } from "effect"
import { decideSteering, ownRollout } from "../decide/promotion.ts"
import type { Situation } from "../decide/Situation.ts"
import { Deployer, type Steered } from "../deployer/Deployer.ts"
import { type Decision, Wait } from "../domain/Decision.ts"
import { type Fence, Leader } from "../store/Leader.ts"
import { StateStore } from "../store/StateStore.ts"
import { countSteered } from "./metrics.ts"
import { LostRegisterLife } from "./settle.ts"

/** What came of steering a rollout: when to look again, and what to show instead of the decision, if anything. */
export interface SteerAnswer {
  readonly show: Decision | null
  readonly retryIn: Duration.Duration
  readonly isFault: boolean
}

/**
 * The situation with the canaries of the repository's own rollout as they are now, written down, so that the time for
 * which they have been healthy is known whoever leads (S7). What cannot be read now stays as it was.
 */
export const withCanaries = Effect.fn("withCanaries")(function* (fence: Fence, situation: Situation) {
  const attempt = ownRollout(situation)
  if (attempt?.phase !== "awaiting_promotion" || situation.observed._tag !== "Runs") return situation
  const deployer = yield* Deployer
  const store = yield* StateStore
  const canaries = yield* Effect.option(deployer.canaries(attempt))
  if (canaries._tag === "None") return unread(situation, attempt.id)
  const saved = yield* store.saveCanaries(fence, attempt.id, canaries.value)
  if (saved === null) return situation
  const rolling = situation.history.rolling.map((one) => (one.id === saved.id ? saved : one))
  return { ...situation, history: { ...situation.history, rolling } }
})

/** On canaries that were not read in this pass nothing is done: they may have failed since. */
const unread = (situation: Situation, id: string): Situation => {
  const rolling = situation.history.rolling.map((one) => (one.id === id ? { ...one, canaries: null } : one))
  return { ...situation, history: { ...situation.history, rolling } }
}

/**
 * Promotes or fails the repository's own rollout where that is due: written down before it is sent, sent by the leader
 * alone, once, and to the very deployment that was decided on. An answer that is lost is settled by reading: what Nomad
 * did is seen in the deployment, and what it did not is sent again once it can not be under way any more (S6). Null:
 * there is nothing to do.
 */
export const steer = Effect.fn("steer")(function* (fence: Fence, situation: Situation, decision: Decision) {
  if (decision._tag === "Deploy" || decision._tag === "Settle" || situation.observed._tag !== "Runs")
    return null
  const next = decideSteering(situation)
  if (next === null) return null
  const deployer = yield* Deployer
  const leader = yield* Leader
  const store = yield* StateStore
  const life = yield* LostRegisterLife
  const { order, attempt, deployment, by } = next
  const underWay =
    attempt.orderSentAt === null || attempt.orderedDeployment !== deployment
      ? 0
      : Duration.toMillis(life) - (situation.now.getTime() - attempt.orderSentAt.getTime())
  if (underWay > 0) return again(Duration.millis(underWay))
  const { generation } = situation.desired
  const isOrdered = by !== null
  const send = { attempt: attempt.id, order, deployment, isOrdered, generation, life }
  // A person, or another leader, was faster.
  if (!(yield* leader.guard(store.sendOrder(fence, send)))) return { ...again(Duration.zero), isFault: true }
  const annotations = { attempt: attempt.id, tag: attempt.toTag, deployment, by: by ?? "healthy canaries" }
  yield* Effect.logInfo(order === "promote" ? "promoting" : "failing").pipe(Effect.annotateLogs(annotations))
  const answer = yield* leader.guard(deployer[order](attempt, deployment))
  yield* countSteered(order, isOrdered ? "person" : "healthy", answer._tag)
  const words = "words" in answer ? answer.words : ""
  if (answer._tag !== "Unknown") {
    const answered = { attempt: attempt.id, order, deployment, answer: answer._tag, words }
    yield* store.orderAnswered(fence, answered)
  }
  const log =
    answer._tag === "Done" ? Effect.logInfo("done by Nomad") : Effect.logWarning("not done by Nomad")
  yield* log.pipe(Effect.annotateLogs({ ...annotations, order, answer: answer._tag, words }))
  return after(answer, isOrdered, life)
})

const again = (retryIn: Duration.Duration): SteerAnswer => ({ show: null, retryIn, isFault: false })

const after = (answer: Steered, isOrdered: boolean, life: Duration.Duration): SteerAnswer => {
  switch (answer._tag) {
    // The follower sees what comes of it.
    case "Done":
      return again(Duration.seconds(2))
    // What a person ordered stands no more, and is shown so at once. Canaries begin their soak anew, which may be none.
    case "Refused":
      return again(isOrdered ? Duration.millis(250) : life)
    case "Unknown":
      return again(life)
    case "NotApplied": {
      const reason = answer.forbidden ? "forbidden" : "backing_off"
      return {
        show: Wait.make({ reason, words: answer.words, would: null, verdict: null }),
        retryIn: Duration.millis(answer.retryAfter ?? 0),
        isFault: true
      }
    }
  }
}
