import { Effect } from "effect"
import { BadRequest } from "../api/ApiError.ts"
import { Caller } from "../api/Authorization.ts"
import type { HoldBody } from "../api/Orders.ts"
import { isPast } from "../decide/hold.ts"
import { highestTask } from "../decide/observedImage.ts"
import type { Desired, Hold } from "../domain/Desired.ts"
import type { Watched } from "../domain/Watched.ts"
import { type Entry, readEntry } from "./Catalogue.ts"
import { changeDesired } from "./changeDesired.ts"
import type { Expected } from "./expected.ts"
import type { Ordered } from "./orders.ts"

/** By Postgres's clock. A hold that ends with a version may be over as well; the next pass tells. */
export const isHolding = (hold: Hold | null, now: Date): boolean => hold !== null && !isPast(hold, now)

/** What the job has, as a hold remembers it; null where that is not known. */
export const whatRuns = ({ observed }: Entry): Hold["left"] => {
  if (observed?._tag !== "Runs") return null
  const { tag, digest } = highestTask(observed)
  return { tag, digest }
}

/** Stops automatic moves until somebody, a time or a version ends it; the hold before it is replaced. */
export const hold = Effect.fn("hold")(function* (
  watched: Watched,
  { why, until = null, resume = "manual" }: HoldBody,
  expected: Expected
) {
  const entry = yield* readEntry(watched.name)
  if (until !== null && until.getTime() <= entry.readAt.getTime()) {
    return yield* new BadRequest({
      message: `body.until: Expected a time to come: it is ${entry.readAt.toISOString()} now; nothing was changed`
    })
  }
  const { name: by } = yield* Caller
  const set: Hold = { by, why, until, resume, left: whatRuns(entry) }
  const desired = yield* changeDesired(watched, { hold: set }, expected)
  return {
    message: `${watched.name} is held: nothing is deployed by itself ${describeEnd(set, desired)}; orders pass it`,
    desired
  } satisfies Ordered
})

/** Automatic moves go on, as `auto_deploy` has it; without a hold it changes nothing. */
export const releaseHold = Effect.fn("releaseHold")(function* (watched: Watched, expected: Expected) {
  const { desired: before } = yield* readEntry(watched.name)
  const desired = yield* changeDesired(watched, { hold: null }, expected)
  const what = before.hold === null ? "was not held" : `is no longer held by ${before.hold.by}`
  const off = desired.autoDeploy ? "" : ", and auto_deploy is off"
  return { message: `${watched.name} ${what}${off}`, desired } satisfies Ordered
})

/** `until …`, as it goes on in a sentence. */
export const describeEnd = (
  { until, resume, left }: Hold,
  { pinnedTag }: Pick<Desired, "pinnedTag">
): string => {
  const byTime = until === null ? "" : `until ${until.toISOString()}`
  const above = left?.tag === null || left === null ? "another version" : `a version above ${left.tag}`
  const next = pinnedTag === "" ? `${above} is elected` : `${pinnedTag} gets another digest`
  const byVersion = resume === "manual" ? "" : `until ${next}`
  const ends = [byTime, byVersion].filter((end) => end !== "")
  return ends.length === 0 ? "until somebody ends the hold" : ends.join(" or ")
}
