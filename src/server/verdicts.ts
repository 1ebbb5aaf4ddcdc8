import type { TagAnswer } from "../api/RepositoryAnswer.ts"
import { Ballot } from "../decide/Ballot.ts"
import { isStanding, quarantinedTags } from "../decide/elect.ts"
import { parseVersion } from "../decide/version.ts"
import type { TagRow } from "../domain/View.ts"
import { type Entry, wantedTag } from "./Catalogue.ts"

/** Why each of these tags is or is not elected. Only these are looked at, however many the repository has. */
export const verdicts = (entry: Entry, rows: ReadonlyArray<TagRow>): ReadonlyArray<typeof TagAnswer.Type> => {
  const { view, observed, history, readAt, desired } = entry
  if (view === null) return []
  const runs = observed?._tag === "Runs" ? observed : null
  const wanted = wantedTag(entry)
  const elected = wanted._tag === "Elected" ? wanted.tag : null
  const version = elected === null ? null : parseVersion(elected)
  const excluded = quarantinedTags(view, runs, history.quarantine, readAt)
  const ballot = new Ballot(rows.map(({ tag }) => tag))
  const of = new Map(
    ballot.verdicts(elected, version?.shape ?? null, excluded).map(({ tag, verdict }) => [tag, verdict])
  )
  return rows.map(({ tag, firstSeen, digest }) => {
    const quarantine = history.quarantine.find(
      (kept) => kept.digest === digest && isStanding(kept, readAt) && excluded.has(tag)
    )
    const plain = of.get(tag) ?? "not_a_version"
    // Under a pin nothing else is even compared: a higher version is not `older`.
    const isPassedOver = desired.pinnedTag !== "" && (plain === "older" || plain === "other_shape")
    return {
      tag,
      verdict: view.gone.has(tag) ? "missing" : isPassedOver ? "not_pinned" : plain,
      quarantine: quarantine === undefined ? null : { why: quarantine.why, until: quarantine.until },
      first_seen: firstSeen,
      digest
    }
  })
}
