import { type Attempt, isStuck } from "../domain/Attempt.ts"
import { type Decision, Follow, type Wait } from "../domain/Decision.ts"
import type { Desired } from "../domain/Desired.ts"
import type { History } from "../domain/History.ts"
import { electRequested } from "./elect.ts"
import { type Case, type Elected, type Situation, openOnJob } from "./Situation.ts"
import {
  activeRollout,
  decideDoubt,
  deploy,
  hasTarget,
  inSyncOrFailed,
  notElected,
  planned
} from "./target.ts"

/** Rule 5: a person's order, whatever `auto_deploy` or a hold says, and even if the same tag runs. */
export const decideRequest = (here: Case): Decision => {
  const { desired, watched, history, observed } = here
  if (here.requestFault !== null) return here.requestFault
  const election = electRequested(desired, here.seen, { runs: observed, history, now: here.now })
  if (election._tag !== "Elected") return notElected(here, election)
  if (watched.mode === "plan") return planned(election)
  if (desired.requestKind === "reset" && hasTarget(here, election)) {
    return activeRollout(here) ?? inSyncOrFailed(here, election) ?? deploy(election, "requested")
  }
  if (rollingTowards(watched.name, history, election) !== undefined) {
    return Follow.make({ words: `${election.tag} is being rolled out already` })
  }
  // 7: a pin, a redeploy and a rollback need their own tag alone
  const needsListing = desired.requestKind === "reset" || desired.requestKind === "pin"
  return (needsListing ? decideDoubt(here, election) : null) ?? deploy(election, "requested")
}

/** An attempt of this repository at this target whose rollout goes on as it should. */
const rollingTowards = (repository: string, history: History, target: Elected): Attempt | undefined =>
  history.rolling.find(
    (attempt) =>
      attempt.repository === repository &&
      attempt.toTag === target.tag &&
      (target.digest === null || attempt.toDigest === target.digest) &&
      !isStuck(attempt.phase)
  )

/**
 * True if the open request asks for what is there already: a reset whose target the job has, or a target that is being
 * rolled out. It closes without an attempt.
 */
export const isAnswered = (situation: Situation): boolean => {
  const { desired, observed, history, watched, seen, now } = situation
  if (desired.requestedGeneration === null || situation.requestFault !== null) return false
  if (observed._tag !== "Runs" || openOnJob(situation) !== null) return false
  const election = electRequested(desired, seen, { runs: observed, history, now })
  if (election._tag !== "Elected") return false
  if (desired.requestKind === "reset" && hasTarget({ ...situation, observed }, election)) return true
  return rollingTowards(watched.name, history, election) !== undefined
}

/** Rule 5 is for a request whose target resolves; of any other it says what it waits for. */
export const isUnresolved = (decision: Decision): decision is Wait =>
  decision._tag === "Wait" && decision.reason !== "plan_mode"

/** What the registry did not answer for the request's target it does not answer for another. */
export const isSilent = ({ requestFault }: Case): boolean => requestFault?.reason === "registry_unreachable"

export const besides = (
  { words, _tag, ...rest }: Follow,
  { requestKind, requestedBy }: Desired,
  request: Wait
): Decision => {
  const waits = `the ${requestKind} by ${requestedBy} waits: ${request.words}`
  return Follow.make({ ...rest, words: words === "" ? waits : `${words}; ${waits}` })
}
