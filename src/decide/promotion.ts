import { Duration } from "effect"
import {
  type Attempt,
  isBeingFailed,
  refusedOrder,
  type RolloutOrder,
  standingOrder
} from "../domain/Attempt.ts"
import { Follow } from "../domain/Decision.ts"
import type { History } from "../domain/History.ts"
import { second } from "../domain/second.ts"
import { isPast } from "./hold.ts"
import type { Situation } from "./Situation.ts"

/** What is to be done with the deployment of a rollout that goes on. */
export interface Steering {
  readonly order: RolloutOrder
  readonly attempt: Attempt
  readonly deployment: string
  /** Null: nobody ordered it; its canaries were healthy for long enough. */
  readonly by: string | null
}

type Known = Pick<Situation, "watched" | "desired" | "now"> & {
  readonly history: Pick<History, "rolling">
}

/** The repository's own rollout; the newest, where an older one did not end yet. */
export const ownRollout = ({ watched, history }: Pick<Known, "watched" | "history">): Attempt | undefined =>
  history.rolling.find(({ repository }) => repository === watched.name)

/** Its canaries, if they are those of the deployment that it has now. */
const canariesOf = ({ canaries, deploymentId }: Attempt) =>
  canaries?.deployment === deploymentId ? canaries : null

/**
 * Why nobody but a person promotes these canaries; null: they are promoted once they were healthy for long enough. A
 * hold and the switch stop it like any automatic move, unless a person ordered this very rollout.
 */
const needsPerson = ({ watched, desired, history, now }: Known, attempt: Attempt): string | null => {
  const person = `a person promotes or fails attempt ${attempt.id}`
  if (watched.mode === "plan") return 'mode = "plan": they are promoted in Nomad, not here'
  if (watched.canary === "manual") return person
  if (canariesOf(attempt)?.isOwn === false)
    return `somebody else's version of the job brought them: ${person}`
  // Whom Nomad refused may order something else; canaries that a person did not want are not promoted without one.
  if (refusedOrder(attempt)?.order === "fail") return person
  const other = history.rolling.find(({ repository }) => repository !== watched.name)
  if (other !== undefined) return `a rollout of ${other.repository} goes on in the same job: ${person}`
  if (attempt.reason === "requested") return null
  if (!desired.autoDeploy) return `auto_deploy is off: ${person}`
  const { hold } = desired
  return hold === null || isPast(hold, now) ? null : `held by ${hold.by} (${hold.why}): ${person}`
}

/** When its canaries are promoted by themselves, if they stay as they are; null: not by themselves. */
const promotedAt = (known: Known, attempt: Attempt): Date | null => {
  const { canariesSince } = attempt
  if (canariesOf(attempt)?.run == null || canariesSince === null) return null
  if (needsPerson(known, attempt) !== null) return null
  return new Date(canariesSince.getTime() + Duration.toMillis(known.watched.canarySoak))
}

/** The next turn of a rollout by time alone: the end of its soak. */
export const soakEnd = (known: Known): Date | null => {
  const attempt = ownRollout(known)
  return attempt === undefined || isDone(attempt) ? null : promotedAt(known, attempt)
}

/** Nomad said already that it did what stands. */
const isDone = ({ orderDoneAt, orderedDeployment, deploymentId }: Attempt): boolean =>
  orderDoneAt !== null && orderedDeployment === deploymentId

/**
 * What is to be done with the repository's own rollout, from what was ordered and what its canaries were when they were
 * read: level-driven, so that it is the same after a change of leader. Null: nothing (yet).
 */
export const decideSteering = (known: Known): Steering | null => {
  const attempt = ownRollout(known)
  if (attempt === undefined || attempt.deploymentId === null || isDone(attempt)) return null
  if (known.watched.mode === "plan") return null
  const to = { attempt, deployment: attempt.deploymentId }
  if (isBeingFailed(attempt)) return { ...to, order: "fail", by: attempt.orderedBy }
  // What does not wait for promotion is not promoted, whoever ordered it: it was already, or never had to be.
  if (canariesOf(attempt) === null) return null
  if (standingOrder(attempt) === "promote") return { ...to, order: "promote", by: attempt.orderedBy }
  const at = promotedAt(known, attempt)
  return at !== null && at <= known.now ? { ...to, order: "promote", by: null } : null
}

const count = (healthy: number, desired: number): string =>
  desired === 1 ? `${healthy} of 1 canary` : `${healthy} of ${desired} canaries`

/** `; Nomad refused to fail it, as ann ordered: …`; nothing where it refused nothing. */
const tellRefusal = (attempt: Attempt): string => {
  const refused = refusedOrder(attempt)
  if (refused === null) return ""
  const { order, by, words } = refused
  return `; Nomad refused to ${order} it${by === null ? "" : `, as ${by} ordered`}: ${words}`
}

/**
 * Rule 6 for a rollout of the repository's own that is to be promoted or failed: what it waits for, with the reason where
 * that is a person. Null: it is followed like any other.
 */
export const followSteered = (known: Known): Follow | null => {
  const attempt = ownRollout(known)
  if (attempt === undefined) return null
  const { toTag, orderedBy, canariesSince, phase } = attempt
  if (isBeingFailed(attempt)) return Follow.make({ words: `${orderedBy} fails the rollout of ${toTag}` })
  const refusal = tellRefusal(attempt)
  if (phase !== "awaiting_promotion")
    return refusal === "" ? null : Follow.make({ words: `${toTag} is being rolled out${refusal}` })
  if (isDone(attempt)) return Follow.make({ words: `the canaries of ${toTag} are promoted` })
  if (standingOrder(attempt) === "promote")
    return Follow.make({ words: `${orderedBy} promotes the canaries of ${toTag}` })
  const canaries = canariesOf(attempt)
  if (canaries === null)
    return Follow.make({ words: `the canaries of ${toTag} wait to be promoted${refusal}` })
  const counted = `${count(canaries.healthy, canaries.desired)} of ${toTag} healthy`
  if (canaries.ended > 0) {
    const words = `${counted}: ${canaries.ended} ended after ${canaries.ended === 1 ? "it was" : "they were"} healthy, and Nomad replaces none: a person fails attempt ${attempt.id}${refusal}`
    return Follow.make({ words, reason: "awaiting_promotion" })
  }
  const since = canariesSince === null ? "" : ` since ${second(canariesSince)}`
  const person = needsPerson(known, attempt)
  if (person !== null)
    return Follow.make({ words: `${counted}${since}; ${person}${refusal}`, reason: "awaiting_promotion" })
  const at = promotedAt(known, attempt)
  const soak = Duration.format(known.watched.canarySoak)
  const turn =
    at === null
      ? `${counted}; promoted once all were healthy for ${soak}`
      : `${counted}${since}; promoted at ${second(at)} if they stay so`
  return Follow.make({ words: `${turn}${refusal}` })
}
