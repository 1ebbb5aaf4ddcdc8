import type { Desired } from "../domain/Desired.ts"
import type { Digest } from "../domain/Digest.ts"
import type { History, Quarantine } from "../domain/History.ts"
import type { Runs } from "../domain/Observed.ts"
import type { Tag } from "../domain/Tag.ts"
import type { VerdictName } from "../domain/Verdict.ts"
import type { View } from "../domain/View.ts"
import type { Ballot } from "./Ballot.ts"
import { highestTask } from "./observedImage.ts"
import { parseVersion, type Shape } from "./version.ts"

/** A registry's last good answer, its tags sorted into a ballot. */
export interface Seen {
  readonly view: View
  readonly ballot: Ballot
  /** Tags whose manifest was fetched and is no image: a chart, a signature. Not elected as versions. */
  readonly notImages?: ReadonlySet<Tag>
}

/** What desired state and view elect, and if nothing, why not. */
export type Election =
  | { readonly _tag: "Elected"; readonly tag: Tag; readonly digest: Digest | null }
  | { readonly _tag: "Nothing"; readonly verdict: VerdictName | null; readonly words: string }
  /** What runs is no version under the policy: `""` elects nothing by itself. */
  | { readonly _tag: "NotFollowing"; readonly words: string }
  /** The view that this needs was never taken. */
  | { readonly _tag: "NotViewed" }

/** What an election depends on besides desired state and view. */
export interface Electorate {
  /** What the job runs; null where it can not be read. */
  readonly runs: Runs | null
  readonly history: Pick<History, "ran" | "quarantine">
  readonly now: Date
}

/** Standing quarantines only: those whose `until` is still to come, or never comes. */
export const isStanding = ({ until }: Pick<Quarantine, "until">, now: Date): boolean =>
  until === null || until.getTime() > now.getTime()

/**
 * The target: a pin elects its tag at its present digest, `""` the highest released version in the shape of the version
 * that runs. `asked` is a person's order: what runs need then be no version, and the shape is that of the last one that
 * ever ran. Digests in quarantine are passed over unless the job has them already, or a person ordered the pin.
 */
export const elect = (
  desired: Pick<Desired, "pinnedTag">,
  seen: Seen | null,
  { runs, history, now }: Electorate,
  asked: boolean
): Election => {
  if (seen === null) return { _tag: "NotViewed" }
  const excluded = quarantinedTags(seen.view, runs, history.quarantine, now)
  return desired.pinnedTag === ""
    ? electVersion(seen, runs, history.ran, excluded, asked)
    : electPin(desired.pinnedTag, seen.view, asked ? new Set() : excluded)
}

/** What would be elected had nothing failed before (S11), and whether it is passed over because it did. */
export const electMended = (
  desired: Pick<Desired, "pinnedTag">,
  seen: Seen,
  { runs, history, now }: Electorate
): { readonly tag: Tag; readonly isPassedOver: boolean } | null => {
  const election = elect(desired, seen, { runs, history: { ...history, quarantine: [] }, now }, false)
  if (election._tag !== "Elected") return null
  const { tag } = election
  // What the job still has failed as well: a mended image under the same tag is to be seen.
  return { tag, isPassedOver: quarantinedTags(seen.view, null, history.quarantine, now).has(tag) }
}

/**
 * What the open request asks for: a rollback the image that it names, by its digest; a redeploy the tag that it names;
 * any other what pin or policy elect. Who names a tag means it, whatever failed before (S11).
 */
export const electRequested = (
  desired: Pick<Desired, "pinnedTag" | "requestKind" | "requestTag" | "requestDigest">,
  seen: Seen | null,
  electorate: Electorate
): Election => {
  const { requestKind, requestTag: tag, requestDigest: digest } = desired
  if (requestKind === "rollback" && tag !== null && digest !== null) return { _tag: "Elected", tag, digest }
  if (requestKind === "redeploy" && tag !== null) {
    return seen === null ? { _tag: "NotViewed" } : electPin(tag, seen.view, new Set())
  }
  return elect(desired, seen, electorate, true)
}

/** Tags whose digest, as last looked at, is in quarantine, but for what the job's spec has. */
export const quarantinedTags = (
  view: View,
  runs: Runs | null,
  quarantine: ReadonlyArray<Quarantine>,
  now: Date
): ReadonlySet<Tag> => {
  const kept = new Set(quarantine.filter((entry) => isStanding(entry, now)).map(({ digest }) => digest))
  if (kept.size === 0) return new Set()
  const has = new Set(runs === null ? [] : runs.tasks.map(({ digest }) => digest))
  const tags = new Set<Tag>()
  for (const [tag, digest] of view.digests) if (kept.has(digest) && !has.has(digest)) tags.add(tag)
  return tags
}

const electPin = (tag: Tag, view: View, excluded: ReadonlySet<Tag>): Election => {
  const digest = view.digests.get(tag) ?? null
  if (view.gone.has(tag)) {
    return { _tag: "Nothing", verdict: "missing", words: `the registry has no tag ${tag}` }
  }
  if (digest === null) return { _tag: "NotViewed" }
  if (excluded.has(tag)) {
    return {
      _tag: "Nothing",
      verdict: "quarantined",
      words: `${tag} failed before with this digest; push another one, or redeploy it`
    }
  }
  return { _tag: "Elected", tag, digest }
}

/** The shape to follow; `undefined` where what runs is no version and nobody asked. */
const shapeToFollow = (
  runs: Runs | null,
  ran: ReadonlyArray<Tag>,
  asked: boolean
): Shape | null | undefined => {
  const tag = runs === null ? null : highestTask(runs).tag
  const version = tag === null ? null : parseVersion(tag)
  if (version !== null && !version.isPrerelease) return version.shape
  if (!asked) return runs === null ? lastShape(ran) : undefined
  return lastShape(ran)
}

const lastShape = (ran: ReadonlyArray<Tag>): Shape | null => {
  for (const tag of ran) {
    const version = parseVersion(tag)
    if (version !== null && !version.isPrerelease) return version.shape
  }
  return null
}

const electVersion = (
  { view, ballot, notImages = new Set() }: Seen,
  runs: Runs | null,
  ran: ReadonlyArray<Tag>,
  excluded: ReadonlySet<Tag>,
  asked: boolean
): Election => {
  if (view.tags === null) return { _tag: "NotViewed" }
  const shape = shapeToFollow(runs, ran, asked)
  if (shape === undefined) {
    const tag = runs === null ? null : highestTask(runs).tag
    return {
      _tag: "NotFollowing",
      words: `${tag ?? "what runs"} is no released version; reset, or pin a tag, to say what to follow`
    }
  }
  const highest = ballot.highest(shape, new Set([...excluded, ...notImages]))
  if (highest !== null) {
    return { _tag: "Elected", tag: highest.tag, digest: view.digests.get(highest.tag) ?? null }
  }
  const passedOver = ballot.highest(shape, new Set())
  if (passedOver === null) {
    return {
      _tag: "Nothing",
      verdict: null,
      words: "no tag is a released version in the shape that is followed"
    }
  }
  return notImages.has(passedOver.tag)
    ? { _tag: "Nothing", verdict: "not_an_image", words: `${passedOver.tag} is no image` }
    : { _tag: "Nothing", verdict: "quarantined", words: `${passedOver.tag} failed before with this digest` }
}
