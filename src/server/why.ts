import { Duration } from "effect"
import { isStanding } from "../decide/elect.ts"
import { describeSuspect } from "../decide/suspicion.ts"
import type { AttemptReason } from "../domain/Attempt.ts"
import type { Decision, Stall, StallReason, Wait, WaitReason } from "../domain/Decision.ts"
import type { Desired } from "../domain/Desired.ts"
import { staleAfter } from "../domain/staleAfter.ts"
import type { Tag } from "../domain/Tag.ts"
import type { Watched } from "../domain/Watched.ts"
import { type Entry, electFrom } from "./Catalogue.ts"
import { runningTags, secondsBetween } from "./shown.ts"

/** What a reason is said with. */
interface Facts {
  readonly job: string
  /** Of the decision. */
  readonly words: string
  readonly desired: Desired
}

/** Why it is not deployed, and what would mend that. */
type Sentence = (facts: Facts) => readonly [because: string, mend: string]

const byItself = "it goes on by itself"

const waits: Record<WaitReason, Sentence> = {
  nomad_unreachable: ({ words }) => [
    `Nomad does not answer as it should (${words})`,
    `${byItself} once Nomad answers`
  ],
  forbidden: ({ words }) => [`Nomad does not let us (${words})`, "give our token that right"],
  registry_unreachable: ({ words }) => [
    `the registry can not be read (${words})`,
    `${byItself} once it answers; if it refuses us, see registry_auth`
  ],
  not_viewed_yet: () => [
    "the registry was not read yet",
    "it is asked within the interval, or by a check now"
  ],
  suspect_view: ({ words }) => [
    words,
    "push the missing tags again, or accept the view if they are gone for good"
  ],
  nothing_elected: ({ words, desired: { pinnedTag } }) =>
    pinnedTag === ""
      ? [`no tag is elected: ${words}`, "push a released version, or pin a tag"]
      : [words, "or pin another tag"],
  not_following: () => [
    "what runs is no released version, so that no versions are followed",
    "reset to follow versions, or pin a tag"
  ],
  tag_missing: ({ words }) => [words, "push it, or pin another"],
  auto_deploy_off: () => ["auto_deploy is off", "switch it on, or order it: pin the tag, or reset"],
  held: ({ desired: { hold, pinnedTag }, words }) =>
    hold === null
      ? [words, byItself]
      : [`${hold.by} holds it (${hold.why})`, `${endOf(hold, pinnedTag)}; an order passes it`],
  plan_mode: () => ['in mode "plan" nothing is deployed', 'set mode = "act" in the config'],
  would_rerun: () => [
    "a batch job would run once more",
    'set batch = "rerun" in the config, or order it: redeploy, or pin the tag'
  ],
  brake: ({ words }) => [
    words,
    "look at the moves that it stops and let them go, on the page or by GET /v1/brake and POST /v1/brake/release"
  ],
  too_many_rollouts: () => [
    "as many rollouts as the config lets are under way",
    `${byItself} when one of them ends`
  ],
  backing_off: ({ words }) => [words, "it is tried again by itself"]
}

const stalls: Record<StallReason, Sentence> = {
  job_absent: ({ job }) => [
    `Nomad has no job ${job}`,
    "run the job, or mend nomad_job_name: nothing is ever created here"
  ],
  job_stopped: ({ job }) => [`the job ${job} is stopped`, "start it: nothing is ever started here"],
  job_child: ({ job }) => [
    `${job} is one run of a periodic or parameterized job`,
    "name its parent as nomad_job_name"
  ],
  job_multiregion: ({ job }) => [`${job} is a multiregion job`, "deploy it by hand: such jobs are not moved"],
  task_not_found: ({ words }) => [words, "mend nomad_task_name and nomad_group_name, or the job"],
  image_interpolated: ({ words }) => [words, "write the image into the job without variables"],
  image_malformed: ({ words }) => [words, "mend the image in the job"],
  image_foreign: ({ words }) => [words, "mend the image in the job, or name it as image_name in the config"],
  unknown_marker: ({ words }) => [
    `${words}, as after a restored backup`,
    "adopt what the job has, or order a deployment"
  ],
  unknown_outcome: ({ words }) => [words, "abandon that attempt, or order a deployment"],
  rollout_failed: ({ words }) => [
    `its rollout failed (${words})`,
    "push a version that works, redeploy this one, or roll back"
  ],
  below_what_runs: ({ words }) => [words, "pin it if you mean to go back"],
  drift: ({ desired: { baselineTag } }) => [
    `somebody else set the image, where ${baselineTag ?? "another one"} was`,
    'reset, redeploy or pin the tag that you want, push a newer version, or set drift = "restore"'
  ],
  contested: ({ words }) => [
    words,
    "stop what else writes the job, then reset, or redeploy or pin the tag that you want"
  ],
  rejected: ({ words }) => [
    `Nomad refused the job (${words})`,
    "mend the job; it is tried again once an hour, and when the job changes"
  ]
}

const orders: Record<AttemptReason, string> = {
  requested: "as ordered",
  new_version: "as it is newer",
  digest_changed: "as its tag has another digest",
  drift: "as somebody else replaced it"
}

/** A pin that the job has not is no newer version. */
const reasonOf = (reason: AttemptReason, { pinnedTag }: Desired): string =>
  reason === "new_version" && pinnedTag !== "" ? "as it is pinned" : orders[reason]

/** `why`, without when the registry was last read. */
export const because = ({ mapping: { job } }: Pick<Watched, "mapping">, entry: Entry): string => {
  const { desired, observed, decision } = entry.status
  const tags = runningTags(observed)
  const runs =
    tags.length === 0 ? `what ${job.job} runs is not known` : `${job.job} runs ${tags.join(" and ")}`
  return `${runs}${say(job.job, tags, decision, desired)}${unwanted(entry)}${passedOver(entry)}${doubted(entry)}${openRequest(desired, decision)}`
}

/**
 * One sentence for people: what runs, what is wanted, why it is or is not being deployed, what would mend that, and
 * when the registry was last read. Of what was decided last: an order that no pass has seen yet is named as open.
 */
export const why = (watched: Pick<Watched, "mapping">, entry: Entry, interval: Duration.Duration): string => {
  const checkedAt = checkedLast(entry)
  if (checkedAt === null) return `${because(watched, entry)}; the registry was not read yet.`
  const age = secondsBetween(checkedAt, entry.status.readAt)
  const late = isStale(entry, interval)
    ? `, though it is asked every ${Duration.format(interval)}: it does not answer, or no instance leads`
    : ""
  return `${because(watched, entry)}; the registry was last read ${ageOf(age)} ago${late}.`
}

/** What was checked is written every 10 s; a listing that was taken before says so at once. */
export const checkedLast = ({ status, view }: Entry): Date | null => status.checkedAt ?? view?.takenAt ?? null

/** Read once, and not for so long that the registry does not answer, or that nobody asks it. */
export const isStale = (entry: Entry, interval: Duration.Duration): boolean => {
  const checkedAt = checkedLast(entry)
  return (
    checkedAt !== null &&
    secondsBetween(checkedAt, entry.status.readAt) > Duration.toSeconds(staleAfter(interval))
  )
}

/** What runs although a person failed its rollout: that came too late, or Nomad refused it. */
const unwanted = ({ status: { decision, observed }, history }: Entry): string => {
  if (decision?._tag !== "InSync" || observed?._tag !== "Runs") return ""
  const digests = new Set(observed.tasks.map(({ digest }) => digest))
  const kept = history.quarantine.find(({ digest, until }) => until === null && digests.has(digest))
  if (kept === undefined) return ""
  return `; it is in quarantine (${kept.why}) and runs all the same: roll it back, or redeploy it if it is wanted`
}

/** The version that would be elected had it not failed before (S11): who pushed it asks where it is. */
const passedOver = (entry: Entry): string => {
  const { desired, history, view, readAt } = entry
  if (desired.pinnedTag !== "" || view === null) return ""
  const elected = electFrom(entry, "", false)
  const best = electFrom({ ...entry, history: { ...history, quarantine: [] } }, "", false)
  if (elected._tag !== "Elected" || best._tag !== "Elected" || best.tag === elected.tag) return ""
  const kept = history.quarantine.find(
    ({ digest, until }) => digest === best.digest && isStanding({ until }, readAt)
  )
  if (kept === undefined) return ""
  const at = kept.until === null ? "" : `at ${kept.until.toISOString()}, `
  return `; ${best.tag} is passed over, as it failed (${kept.why}): it is tried again ${at}with another digest, or when somebody redeploys it`
}

/** Also where nothing waits for it: with the listing as it is nothing will be followed. */
const doubted = ({ view, status: { decision } }: Entry): string => {
  const isSaid = decision?._tag === "Wait" && decision.reason === "suspect_view"
  return view === null || view.suspect === null || isSaid ? "" : `; ${describeSuspect(view)}`
}

const say = (job: string, tags: ReadonlyArray<Tag>, decision: Decision | null, desired: Desired): string => {
  if (decision === null) return ", and nothing was decided yet: no instance that watches it has led"
  switch (decision._tag) {
    case "InSync":
      return `, which is what is wanted${desired.pinnedTag === "" ? "" : " (pinned)"}`
    case "Deploy":
      return `, and ${decision.tag} is being deployed, ${reasonOf(decision.reason, desired)}`
    case "Follow":
      if (decision.reason === "awaiting_promotion")
        return `, and its canaries wait for a person (${decision.words}): nothing else is deployed until it is promoted or fails, but for what is newer`
      return `, and a rollout is under way${decision.words === "" ? "" : ` (${decision.words})`}: nothing else is deployed until it ends`
    case "Settle":
      return `, and it is being found out whether Nomad took attempt ${decision.attempt}: nothing else is deployed before`
    case "Wait":
    case "Stall": {
      const facts = { job, words: decision.words, desired }
      const [because, mend] =
        decision._tag === "Wait" ? waits[decision.reason](facts) : stalls[decision.reason](facts)
      return `${sayWanted(tags, decision, desired)}${because}; ${mend}`
    }
  }
}

const sayWanted = (tags: ReadonlyArray<Tag>, decision: Wait | Stall, { pinnedTag }: Desired): string => {
  const tag = decision.would?.tag ?? (pinnedTag === "" ? null : pinnedTag)
  if (tag === null) return ", and nothing is deployed: "
  if (tags.length !== 1 || tags[0] !== tag) return `, and ${tag} is wanted but not deployed: `
  if (decision.reason === "rollout_failed") return ", which is what is wanted, but "
  // Where it is not known what would be deployed, its digest may be the one that runs.
  return decision.would === null
    ? " as pinned, and nothing else is deployed: "
    : ", and the same tag with another digest is wanted but not deployed: "
}

const endOf = (hold: NonNullable<Desired["hold"]>, pinnedTag: Desired["pinnedTag"]): string => {
  const byTime = hold.until === null ? [] : [`at ${hold.until.toISOString()}`]
  const next =
    pinnedTag === ""
      ? `a version above ${hold.left?.tag ?? "the one it left"}`
      : `another digest of ${pinnedTag}`
  const byVersion = hold.resume === "next_version" ? [`with ${next}`] : []
  const ends = [...byTime, ...byVersion]
  return ends.length === 0
    ? "release the hold"
    : `release the hold, which ends by itself ${ends.join(" or ")}`
}

/** Named where the decision does not answer it: it is of before, or stands in the way of it. */
const openRequest = ({ requestKind, requestedBy }: Desired, decision: Decision | null): string => {
  if (requestKind === null || requestedBy === null) return ""
  const isAnswering = decision?._tag === "Deploy" && decision.reason === "requested"
  return isAnswering ? "" : `; the ${requestKind} that ${requestedBy} ordered is open`
}

const ageOf = (seconds: number): string => {
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} days`
}
