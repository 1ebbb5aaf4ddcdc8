import type { Attempt, AttemptReason } from "../domain/Attempt.ts"
import { Deploy, type Decision, Follow, InSync, Settle, Stall, Wait } from "../domain/Decision.ts"
import type { Desired } from "../domain/Desired.ts"
import type { History } from "../domain/History.ts"
import { isRolling, type Observed, type ObservedTask, type Runs } from "../domain/Observed.ts"
import type { Tag } from "../domain/Tag.ts"
import type { Watched } from "../domain/Watched.ts"
import { elect, type Election, electRequested, isStanding, type Seen } from "./elect.ts"
import { stops, untilWhen } from "./hold.ts"
import { foreignTask, highestTask, runningDigest } from "./observedImage.ts"
import { describeSuspect } from "./suspicion.ts"
import { isHigher, parseVersion } from "./version.ts"

/** Everything one decision depends on. */
export interface Situation {
  readonly watched: Watched
  readonly desired: Desired
  /** The last good view; null where none was ever taken. */
  readonly seen: Seen | null
  /** The registry's last fault, in words, while it lasts. */
  readonly registryFault: string | null
  /** What the registry said in this pass when the target of the open request was fetched, if that was no manifest. */
  readonly requestFault: Wait | null
  readonly observed: Observed
  readonly history: History
  /** Postgres's clock (S19). It only ends holds, quarantines and the hour after a refusal. */
  readonly now: Date
}

type Elected = Extract<Election, { _tag: "Elected" }>
interface Case extends Situation {
  readonly observed: Runs
}

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

/** Rule 3. Of our own that Nomad did not take nothing is in doubt: it may be what is wanted still. */
const openOnJob = ({ watched, history: { openAttempt: open } }: Situation): Attempt | null =>
  open !== null && open.state === "intended" && open.repository === watched.name ? null : open

/** What the registry did not answer for the request's target it does not answer for another. */
const isSilent = ({ requestFault }: Case): boolean =>
  requestFault !== null && requestFault.reason !== "tag_missing"

const besides = ({ words }: Follow, { requestKind, requestedBy }: Desired, request: Wait): Decision => {
  const waits = `the ${requestKind} by ${requestedBy} waits: ${request.words}`
  return Follow.make({ words: words === "" ? waits : `${words}; ${waits}` })
}

/** A task whose marker neither an attempt of this database nor a person knows. */
export const unknownMarker = (runs: Runs, { markers }: History): ObservedTask | undefined =>
  runs.tasks.find(({ marker }) => marker !== null && !markers.has(marker))

/** Rule 5 is for a request whose target resolves; of any other it says what it waits for. */
const isUnresolved = (decision: Decision): decision is Wait =>
  decision._tag === "Wait" && decision.reason !== "plan_mode"

const wait = (
  reason: Wait["reason"],
  words: string,
  would: Wait["would"] = null,
  verdict: Wait["verdict"] = null
): Decision => Wait.make({ reason, words, would, verdict })

const stall = (reason: Stall["reason"], words: string, would: Stall["would"] = null): Decision =>
  Stall.make({ reason, words, would })

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

/** True if the job has what desired state and view elect, whoever wrote it so. */
export const isAtTarget = (situation: Situation): boolean => {
  const { desired, observed, history, seen, now } = situation
  if (observed._tag !== "Runs") return false
  const election = elect(desired, seen, { runs: observed, history, now }, false)
  return election._tag === "Elected" && hasTarget({ ...situation, observed }, election)
}

/** Rule 5: a person's order, whatever `auto_deploy` or a hold says, and even if the same tag runs. */
const decideRequest = (here: Case): Decision => {
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
      attempt.phase !== "slow" &&
      attempt.phase !== "unplaceable"
  )

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

const deploy = ({ tag, digest }: Elected, reason: AttemptReason): Decision =>
  Deploy.make({ tag, digest, reason })
const planned = ({ tag, digest }: Elected): Decision =>
  wait("plan_mode", `mode = "plan": it would deploy ${tag}`, { tag, digest })

/** Rules 9 and 10, where the job has the target; null: it failed, and S11 lets it be tried again. */
const inSyncOrFailed = (here: Case, { tag, digest }: Elected): Decision | null => {
  const { observed, desired, history, now } = here
  if (!lastRolloutFailed(here)) return InSync.make({ tag, digest })
  const has = new Set(observed.tasks.map((task) => runningDigest(task, desired, history)))
  const kept = history.quarantine.find((entry) => has.has(entry.digest))
  if (kept !== undefined && (!isStanding(kept, now) || (digest !== null && !has.has(digest)))) return null
  const why = kept?.why ?? observed.deployment?.description ?? `the rollout of ${tag} failed`
  const until = kept?.until ?? null
  const next =
    until === null
      ? "a person, or another image, is needed"
      : `tried again at ${until.toISOString().slice(0, 19)}Z`
  return stall("rollout_failed", `${why}; ${next}`, { tag, digest })
}

/** Rules 7 and 8 where there is no target. */
const notElected = ({ registryFault }: Case, election: Exclude<Election, { _tag: "Elected" }>): Decision => {
  switch (election._tag) {
    case "NotViewed":
      return registryFault === null
        ? wait("not_viewed_yet", "the registry was not asked yet")
        : wait("registry_unreachable", registryFault)
    case "NotFollowing":
      return wait("not_following", election.words)
    case "Nothing":
      return wait(
        election.verdict === "missing" ? "tag_missing" : "nothing_elected",
        election.words,
        null,
        election.verdict
      )
  }
}

/**
 * Rule 9's "target = observed". Following versions compares tags only; a pin compares digests, and a tag whose digest
 * nobody knows is taken for the target's.
 */
const hasTarget = ({ observed, desired, history }: Case, target: Elected): boolean =>
  observed.tasks.every((task) => {
    if (desired.pinnedTag === "") return task.tag === target.tag
    const digest = runningDigest(task, desired, history)
    return digest === null ? task.tag === target.tag : digest === target.digest
  })

/** Rule 10: of the version that the job has now; without a deployment the attempt that made it says so. */
const lastRolloutFailed = ({ observed, history }: Case): boolean => {
  const { deployment, version } = observed
  if (deployment !== null && deployment.jobVersion === version) return deployment.status === "failed"
  return history.lastAccepted?.state === "failed" && history.lastAccepted.nomadVersion === version
}

/** Rule 6: Nomad's deployment, or an attempt of ours on this job that has none; what it is stuck at is said as well. */
const activeRollout = ({ observed, history }: Case): Follow | null => {
  const rolling = history.rolling[0]
  const isStuck = rolling?.phase === "slow" || rolling?.phase === "unplaceable"
  const stuck = isStuck && rolling.words !== null ? [rolling.words] : []
  if (isRolling(observed)) {
    const said = observed.deployment?.description ?? ""
    return Follow.make({ words: [...(said === "" ? [] : [said]), ...stuck].join("; ") })
  }
  if (rolling === undefined) return null
  return Follow.make({ words: [`${rolling.toTag} is being rolled out`, ...stuck].join("; ") })
}

/**
 * Only by a newer target (S16), never a paused one, and not where another repository's attempt is rolling. Newer than
 * what our own attempt brought as well: while that is not ended the job may be rolled back from it already (S11).
 */
const maySupersede = (here: Case, target: Decision & { _tag: "Deploy" }): boolean => {
  const { observed, watched, history, desired } = here
  if (observed.deployment?.status === "paused") return false
  const others = history.rolling.filter(({ repository }) => repository !== watched.name)
  if (others.some(({ phase }) => phase !== "slow" && phase !== "unplaceable")) return false
  const ours = history.rolling.find(({ repository }) => repository === watched.name)
  if (desired.pinnedTag !== "") return ours === undefined || ours.toDigest !== target.digest
  if (ours !== undefined && !isHigher(target.tag, ours.toTag)) return false
  return observed.tasks.every((task) => task.tag !== null && isHigher(target.tag, task.tag))
}

/** Rule 7: from a suspect listing only what is above all that ran is taken (S9); null where nothing is against it. */
const decideDoubt = (here: Case, target: Elected): Decision | null => {
  const view = here.desired.pinnedTag === "" ? (here.seen?.view ?? null) : null
  if (view?.suspect == null || hasTarget(here, target) || isAboveAll(here, target.tag)) return null
  return wait("suspect_view", describeSuspect(view), { tag: target.tag, digest: target.digest })
}

/** Above what runs and all that succeeded before: what may be taken from a suspect listing (S9). */
export const isAboveAll = ({ desired, observed }: Pick<Case, "desired" | "observed">, tag: Tag): boolean => {
  const running = highestTask(observed).tag
  const mark = desired.highWaterMark
  return (
    running !== null &&
    isHigher(tag, running) &&
    (mark === null || parseVersion(mark) === null || isHigher(tag, mark))
  )
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

/** Rule 16: same target, same job; tried again once an hour. */
const isStillRejected = ({ observed, now }: Case, rejected: Attempt, target: Elected): boolean =>
  rejected.toTag === target.tag &&
  (target.digest === null || rejected.toDigest === target.digest) &&
  rejected.baseIndex === observed.jobModifyIndex &&
  now.getTime() - rejected.changedAt.getTime() < 3_600_000
