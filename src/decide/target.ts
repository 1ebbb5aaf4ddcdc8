import { type AttemptReason, isStuck } from "../domain/Attempt.ts"
import { Deploy, type Decision, Follow, InSync, Stall, Wait } from "../domain/Decision.ts"
import { isRolling } from "../domain/Observed.ts"
import type { Tag } from "../domain/Tag.ts"
import { second } from "../domain/second.ts"
import { type Election, isStanding } from "./elect.ts"
import { highestTask, runningDigest } from "./observedImage.ts"
import { followSteered } from "./promotion.ts"
import type { Case, Elected } from "./Situation.ts"
import { describeSuspect } from "./suspicion.ts"
import { isHigher, parseVersion } from "./version.ts"

export const wait = (
  reason: Wait["reason"],
  words: string,
  would: Wait["would"] = null,
  verdict: Wait["verdict"] = null
): Decision => Wait.make({ reason, words, would, verdict })

export const stall = (reason: Stall["reason"], words: string, would: Stall["would"] = null): Decision =>
  Stall.make({ reason, words, would })

export const deploy = ({ tag, digest }: Elected, reason: AttemptReason): Decision =>
  Deploy.make({ tag, digest, reason })
export const planned = ({ tag, digest }: Elected): Decision =>
  wait("plan_mode", `mode = "plan": it would deploy ${tag}`, { tag, digest })

/** Rules 7 and 8 where there is no target. */
export const notElected = (
  { registryFault }: Case,
  election: Exclude<Election, { _tag: "Elected" }>
): Decision => {
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

/** Rule 6: Nomad's deployment, or an attempt of ours on this job that has none; what it is stuck at is said as well. */
export const activeRollout = (here: Case): Follow | null => {
  const { observed, history } = here
  const steered = followSteered(here)
  if (steered !== null) return steered
  const rolling = history.rolling[0]
  const stuck =
    rolling !== undefined && isStuck(rolling.phase) && rolling.words !== null ? [rolling.words] : []
  if (isRolling(observed)) {
    const { status, description = "" } = observed.deployment ?? {}
    // Nomad's own words say no more than that it is so, and nothing ends it but a person.
    const said =
      status === "paused" ? "paused in Nomad: resume or fail it there, or order something else" : description
    return Follow.make({ words: [...(said === "" ? [] : [said]), ...stuck].join("; ") })
  }
  if (rolling === undefined) return null
  return Follow.make({ words: [`${rolling.toTag} is being rolled out`, ...stuck].join("; ") })
}

/** Rule 7: from a suspect listing only what is above all that ran is taken (S9); null where nothing is against it. */
export const decideDoubt = (here: Case, target: Elected): Decision | null => {
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

/**
 * Rule 9's "target = observed". Following versions compares tags only; a pin compares digests, and a tag whose digest
 * nobody knows is taken for the target's.
 */
export const hasTarget = ({ observed, desired, history }: Case, target: Elected): boolean =>
  observed.tasks.every((task) => {
    if (desired.pinnedTag === "") return task.tag === target.tag
    const digest = runningDigest(task, desired, history)
    return digest === null ? task.tag === target.tag : digest === target.digest
  })

/** Rules 9 and 10, where the job has the target; null: it failed, and S11 lets it be tried again. */
export const inSyncOrFailed = (here: Case, { tag, digest }: Elected): Decision | null => {
  const { observed, desired, history, now } = here
  if (!lastRolloutFailed(here)) return InSync.make({ tag, digest })
  const has = new Set(observed.tasks.map((task) => runningDigest(task, desired, history)))
  const kept = history.quarantine.find((entry) => has.has(entry.digest))
  if (kept !== undefined && (!isStanding(kept, now) || (digest !== null && !has.has(digest)))) return null
  const why = kept?.why ?? observed.deployment?.description ?? `the rollout of ${tag} failed`
  const until = kept?.until ?? null
  const next = until === null ? "a person, or another image, is needed" : `tried again at ${second(until)}`
  return stall("rollout_failed", `${why}; ${next}`, { tag, digest })
}

/** Rule 10: of the version that the job has now; without a deployment the attempt that made it says so. */
const lastRolloutFailed = ({ observed, history }: Case): boolean => {
  const { deployment, version } = observed
  if (deployment !== null && deployment.jobVersion === version) return deployment.status === "failed"
  return history.lastAccepted?.state === "failed" && history.lastAccepted.nomadVersion === version
}
