import type { Tag } from "../domain/Tag.ts"
import type { Doubt, Suspicion, View } from "../domain/View.ts"

// A clean-up of old tags takes some away at a time; a half-restored registry, or a page that went missing, takes many.
const share = 0.2
const few = 3

/**
 * What makes a complete listing doubtful beside the last good one (S9). `listed` null: the registry answered 404.
 * `running` are the tags that the job has.
 */
export const suspect = (
  before: ReadonlyArray<Tag> | null,
  listed: ReadonlyArray<Tag> | null,
  running: ReadonlyArray<Tag>
): Suspicion | null => {
  if (before === null || before.length === 0) return null
  if (listed === null) return "not_found"
  if (listed.length === 0) return "empty"
  const there = new Set(listed)
  const lost = before.filter((tag) => !there.has(tag))
  if (running.some((tag) => lost.includes(tag))) return "running_tag_gone"
  return lost.length > few && lost.length > before.length * share ? "many_tags_gone" : null
}

/** From a suspect listing nothing is believed gone: what is new in it is added to the last good one (S9). */
export const withListed = (
  before: ReadonlyArray<Tag> | null,
  listed: ReadonlyArray<Tag>,
  isSuspect: boolean
): ReadonlyArray<Tag> => (isSuspect ? [...new Set([...(before ?? []), ...listed])] : listed)

/** What is missing, in a sentence for people. */
export const describeDoubt = ({ suspicion, listed, lost, sample, running, since }: Doubt): string => {
  const gives = {
    not_found: `answers that it has no such repository; ${countTags(lost)} of the last good view ${are(lost)} missing`,
    empty: `lists no tag; ${countTags(lost)} of the last good view ${are(lost)} missing`,
    running_tag_gone: `lists ${countTags(listed)}; ${lost} of the last good view ${are(lost)} missing`,
    many_tags_gone: `lists ${countTags(listed)}; ${lost} of the last good view ${are(lost)} missing`
  }[suspicion]
  const named = sample.length === 0 ? "" : `: ${sample.join(", ")}${lost > sample.length ? " …" : ""}`
  const runs = running.length === 0 ? "" : `; the job has ${running.join(", ")}`
  return `since ${since.toISOString()} the registry ${gives}${named}${runs}`
}

/** What a repository waits for whose view is suspect. */
export const describeSuspect = ({ suspect, doubt }: View): string =>
  `the listing is suspect: ${doubt == null ? suspect : describeDoubt(doubt)}; only a higher version is taken from it, until it is whole again, accepted, or the same for a day`

export const countTags = (tags: number): string => (tags === 1 ? "1 tag" : `${tags} tags`)
const are = (tags: number): string => (tags === 1 ? "is" : "are")
