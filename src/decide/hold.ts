import type { Decision } from "../domain/Decision.ts"
import type { Desired, Hold } from "../domain/Desired.ts"
import type { Tag } from "../domain/Tag.ts"
import type { Digest } from "../domain/Digest.ts"
import { isHigher } from "./version.ts"

interface Target {
  readonly tag: Tag
  readonly digest: Digest | null
}

/** True while the hold stops an automatic move to this target (rule 11). `now` is Postgres's clock (S19). */
export const stops = (hold: Hold, desired: Desired, target: Target, now: Date): boolean =>
  !isPast(hold, now) && !isBeyond(hold, desired, target)

/**
 * True once the hold says nothing any more: its time is over, or what it waited for is in the job. Not before: should
 * that one fail, what was left is still not wanted.
 */
export const isHoldOver = ({ hold, ...desired }: Desired, decision: Decision, now: Date): boolean =>
  hold !== null &&
  (isPast(hold, now) || (decision._tag === "InSync" && isBeyond(hold, { ...desired, hold }, decision)))

/** Its time is over, by Postgres's clock. */
export const isPast = ({ until }: Hold, now: Date): boolean =>
  until !== null && until.getTime() <= now.getTime()

/** What a hold for the next version lets pass: a version above the one that was left; under a pin, anything else. */
const isBeyond = ({ resume, left }: Hold, { pinnedTag }: Desired, target: Target): boolean => {
  if (resume !== "next_version" || left === null) return false
  if (pinnedTag === "") return left.tag !== null && isHigher(target.tag, left.tag)
  return target.tag !== left.tag || (left.digest !== null && target.digest !== left.digest)
}

/** ` until …`, or nothing where a person ends it. */
export const untilWhen = ({ until, resume, left }: Hold): string => {
  const ends = [
    ...(until === null ? [] : [until.toISOString()]),
    ...(resume === "next_version" && left !== null ? [`something newer than ${left.tag ?? left.digest}`] : [])
  ]
  return ends.length === 0 ? "" : ` until ${ends.join(" or ")}`
}
