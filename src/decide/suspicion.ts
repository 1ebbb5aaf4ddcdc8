import type { Tag } from "../domain/Tag.ts"
import type { Suspicion } from "../domain/View.ts"

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
