import { type Attempt, type AttemptReason, isBeingFailed, isStuck } from "../domain/Attempt.ts"
import { type Decision, Settle } from "../domain/Decision.ts"
import type { History } from "../domain/History.ts"
import type { ObservedTask, Runs } from "../domain/Observed.ts"
import type { Tag } from "../domain/Tag.ts"
import { besides, decideRequest, isSilent, isUnresolved } from "./decideRequest.ts"
import { elect } from "./elect.ts"
import { stops, untilWhen } from "./hold.ts"
import { foreignTask, highestTask } from "./observedImage.ts"
import { ownRollout } from "./promotion.ts"
import { type Case, type Elected, type Situation, openOnJob } from "./Situation.ts"
import {
  activeRollout,
  decideDoubt,
  deploy,
  hasTarget,
  inSyncOrFailed,
  notElected,
  planned,
  stall,
  wait
} from "./target.ts"
import { isHigher } from "./version.ts"

/**
 * The one next step from what was observed towards what is desired: of the rules below (`design.md` §3), the first that
 * matches. Level-driven: it looks at states, never at an event, so a pass lost or run twice costs nothing. Total: every
 * input has a decision, and none throws.
 *
 * A `Deploy` whose digest is null, or was not fetched in this pass, is not to be acted on before the tag's manifest was
 * fetched and this decided again (S10).
 */
export const decide = (situation: Situation): Decision => {
  const { observed, history } = situation
  // 1, 2
  if (observed._tag === "Unread") return wait(observed.reason, observed.words)
  if (observed._tag === "Unfit") return stall(observed.reason, observed.words)
  // 3
  const open = openOnJob(situation)
  if (open !== null) return Settle.make({ attempt: open.id })
  const here: Case = { ...situation, observed }
  const request = situation.desired.requestedGeneration === null ? null : decideRequest(here)
  // 4: a request that resolves passes it
  const unknown = unknownMarker(observed, history)
  if (unknown !== undefined && request?._tag !== "Deploy") {
    const words = `task ${unknown.task} carries the marker ${unknown.marker} of an attempt that this database does not have`
    return stall("unknown_marker", words)
  }
  // 5
  if (request !== null && !isUnresolved(request)) return request
  // 6
  const automatic = decideAutomatic(here)
  const rollout = activeRollout(here)
  if (automatic._tag === "Deploy" && !isSilent(here)) {
    if (rollout === null || maySupersede(here, automatic)) return automatic
  }
  // A request that waits for its target stops nobody, and is shown beside what goes on meanwhile.
  if (request === null) return rollout ?? automatic
  return rollout === null ? request : besides(rollout, situation.desired, request)
}

/** A task whose marker neither an attempt of this database nor a person knows. */
export const unknownMarker = (runs: Runs, { markers }: History): ObservedTask | undefined =>
  runs.tasks.find(({ marker }) => marker !== null && !markers.has(marker))

/** True if the job has what desired state and view elect, whoever wrote it so. */
export const isAtTarget = (situation: Situation): boolean => {
  const { desired, observed, history, seen, now } = situation
  if (observed._tag !== "Runs") return false
  const election = elect(desired, seen, { runs: observed, history, now }, false)
  return election._tag === "Elected" && hasTarget({ ...situation, observed }, election)
}

/** Rules 7 to 17. */
const decideAutomatic = (here: Case): Decision => {
  const { desired, watched, observed, history, now } = here
  const election = elect(desired, here.seen, { runs: observed, history, now }, false)
  if (election._tag !== "Elected") return notElected(here, election)
  const would = { tag: election.tag, digest: election.digest }
  // 9, 10
  const settled = hasTarget(here, election) ? inSyncOrFailed(here, election) : null
  if (settled !== null) return settled
  // 7
  const doubtful = decideDoubt(here, election)
  if (doubtful !== null) return doubtful
  // 11
  if (!desired.autoDeploy)
    return wait("auto_deploy_off", `auto_deploy is off; on, it would deploy ${election.tag}`, would)
  const hold = desired.hold
  if (hold !== null && stops(hold, desired, election, now)) {
    const words = `held by ${hold.by}${untilWhen(hold)}: ${hold.why}; it would deploy ${election.tag}`
    return wait("held", words, would)
  }
  // 12
  const floor = desired.pinnedTag === "" ? floorAbove(here, election.tag) : null
  if (floor !== null)
    return stall("below_what_runs", `${election.tag} is below ${floor}: never backwards by itself`, would)
  // 13
  if (
    (observed.jobType === "batch" || observed.jobType === "sysbatch") &&
    !observed.isParent &&
    watched.batch !== "rerun"
  ) {
    return wait(
      "would_rerun",
      `a ${observed.jobType} job would run again; batch = "rerun" or a request allows it`,
      would
    )
  }
  // 14
  const foreign = foreignTask(observed, desired, history)
  if (foreign !== null && watched.drift !== "restore" && !isNewerThanReplaced(here, election)) {
    const words = `somebody set ${foreign.image} where ${desired.baselineTag ?? "another image"} was; a newer target, a request or drift = "restore" goes on`
    return stall("drift", words, would)
  }
  // 15: S12, more than two an hour
  if (history.foreignWritesLastHour > 2) {
    return stall(
      "contested",
      `somebody else changed the image ${history.foreignWritesLastHour} times within an hour`,
      would
    )
  }
  // 16
  const rejected = history.lastRejected
  if (rejected !== null && isStillRejected(here, rejected, election)) {
    return stall("rejected", rejected.words ?? "Nomad refused the job", would)
  }
  // 17; in mode `plan` told where it would be done, and not before
  if (watched.mode === "plan") return planned(election)
  return deploy(election, automaticReason(here, election, foreign !== null))
}

const automaticReason = ({ desired, observed }: Case, { tag }: Elected, foreign: boolean): AttemptReason => {
  if (foreign && tag === desired.baselineTag) return "drift"
  return desired.pinnedTag !== "" && observed.tasks.some((task) => task.tag === tag)
    ? "digest_changed"
    : "new_version"
}

/**
 * Only by a newer target (S16), never a paused one, and not where another repository's attempt is rolling. Newer than
 * what our own attempt brought as well: while that is not ended the job may be rolled back from it already (S11).
 */
const maySupersede = (here: Case, target: Decision & { _tag: "Deploy" }): boolean => {
  const { observed, watched, history, desired } = here
  if (observed.deployment?.status === "paused") return false
  const others = history.rolling.filter(({ repository }) => repository !== watched.name)
  if (others.some(({ phase }) => !isStuck(phase))) return false
  const ours = ownRollout(here)
  // Nomad's rollback would take it along (T16); what is wanted comes after it.
  if (ours !== undefined && isBeingFailed(ours)) return false
  if (desired.pinnedTag !== "") return ours === undefined || ours.toDigest !== target.digest
  if (ours !== undefined && !isHigher(target.tag, ours.toTag)) return false
  return observed.tasks.every((task) => task.tag !== null && isHigher(target.tag, task.tag))
}

/** What the tag is below: the high-water mark or what runs (S8); null if it is below neither. */
const floorAbove = ({ desired, observed }: Case, tag: Tag): Tag | null =>
  [desired.highWaterMark, highestTask(observed).tag].find(
    (floor): floor is Tag => floor !== null && isHigher(floor, tag)
  ) ?? null

/** Rule 14: the one they replaced is the baseline; without order any other digest is newer. */
const isNewerThanReplaced = ({ desired }: Case, target: Elected): boolean => {
  if (desired.baselineTag === null) return true
  if (desired.pinnedTag === "") return isHigher(target.tag, desired.baselineTag)
  return target.tag !== desired.baselineTag || target.digest !== desired.baselineDigest
}

/** Rule 16: same target, same job, same config; tried again once an hour. */
const isStillRejected = ({ watched, observed, now }: Case, rejected: Attempt, target: Elected): boolean =>
  rejected.toTag === target.tag &&
  (target.digest === null || rejected.toDigest === target.digest) &&
  rejected.baseIndex === observed.jobModifyIndex &&
  rejected.fingerprint === watched.fingerprint &&
  now.getTime() - rejected.changedAt.getTime() < 3_600_000
