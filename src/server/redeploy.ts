import { Effect } from "effect"
import { Conflict } from "../api/ApiError.ts"
import { highestTask } from "../decide/observedImage.ts"
import { isHigher } from "../decide/version.ts"
import type { Desired } from "../domain/Desired.ts"
import type { Digest } from "../domain/Digest.ts"
import type { Tag } from "../domain/Tag.ts"
import type { Watched } from "../domain/Watched.ts"
import { electFrom, type Entry, readEntry } from "./Catalogue.ts"
import { changeDesired } from "./changeDesired.ts"
import type { Expected } from "./expected.ts"
import { isHolding } from "./hold.ts"
import type { Limits } from "./limits.ts"
import { describeDeployment, isDeploying, type Ordered } from "./orders.ts"
import { tagExists } from "./tagExists.ts"
import { whenDeployed } from "./whenDeployed.ts"

/**
 * Deploys a tag once more, at its present digest, whose quarantine it lifts. Left out, the pin, else what runs; where
 * somebody else set that, what was elected instead of it, which would come right after it. What is wanted stays as it
 * is: where that is another tag, the answer says what follows.
 */
export const redeploy = Effect.fn("redeploy")(function* (
  watched: Watched,
  named: Tag | undefined,
  expected: Expected,
  { tagWithin }: Limits
) {
  const { name } = watched
  const entry = yield* readEntry(name)
  const foreign = named === undefined && entry.desired.pinnedTag === "" ? foreignTag(entry) : null
  const tag =
    named ??
    foreign?.instead ??
    (entry.desired.pinnedTag === "" ? tagThatRuns(entry) : entry.desired.pinnedTag)
  if (tag === null) {
    return yield* new Conflict({
      message: `it is not known which tag ${name} runs: name one, {"tag": "…"}; nothing was changed`
    })
  }
  const { digest, isSilent } = yield* tagExists(watched, tag, entry.view, tagWithin)
  if (watched.mode === "plan") {
    return {
      message: `${name}: ${tag} is not redeployed: in mode "plan" nothing is deployed; nothing was changed`,
      desired: entry.desired
    } satisfies Ordered
  }
  const isUnderWay = yield* isDeploying(name, tag, digest)
  const desired = yield* changeDesired(
    watched,
    {
      request: "redeploy",
      requestTag: tag,
      requestDigest: digest,
      ...(digest !== null && { lift: digest })
    },
    expected
  )
  const what = isUnderWay
    ? `${tag} is being deployed already, and not once more`
    : `${describeDeployment(tag, watched, desired, whenDeployed(entry, isSilent))}${foreign === null ? "" : `, in the place of ${foreign.set}, which somebody else set`}`
  return {
    message: `${name} is redeployed: ${what}${describeAfter(entry, desired, tag, digest)}`,
    desired
  } satisfies Ordered
})

const tagThatRuns = ({ observed }: Entry): Tag | null =>
  observed?._tag === "Runs" ? highestTask(observed).tag : null

/** What somebody else set, and what automatic moves are held from bringing instead; null where the job has not drifted. */
const foreignTag = (entry: Entry): { readonly set: string; readonly instead: Tag } | null => {
  const { decision } = entry.status
  if (decision?._tag !== "Stall" || decision.would === null) return null
  if (decision.reason !== "drift" && decision.reason !== "contested") return null
  return { set: tagThatRuns(entry) ?? "the image", instead: decision.would.tag }
}

/** What automatic moves make of it once it runs. */
const describeAfter = (entry: Entry, desired: Desired, tag: Tag, digest: Digest | null): string => {
  if (!desired.autoDeploy || isHolding(desired.hold, entry.readAt)) return ""
  const { pinnedTag } = desired
  if (pinnedTag !== "") return pinnedTag === tag ? "" : `; ${pinnedTag} is pinned and comes back after it`
  const quarantine = entry.history.quarantine.filter((kept) => kept.digest !== digest)
  const election = electFrom({ ...entry, history: { ...entry.history, quarantine } }, "", true)
  return election._tag === "Elected" && isHigher(election.tag, tag)
    ? `; ${election.tag} is elected and comes after it`
    : ""
}
