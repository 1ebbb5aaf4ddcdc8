import { Effect } from "effect"
import { BadRequest, Conflict } from "../api/ApiError.ts"
import { Caller } from "../api/Authorization.ts"
import type { RollbackBody } from "../api/Orders.ts"
import { isStanding } from "../decide/elect.ts"
import { highestTask } from "../decide/observedImage.ts"
import type { Attempt } from "../domain/Attempt.ts"
import type { Hold } from "../domain/Desired.ts"
import type { ObservedTask } from "../domain/Observed.ts"
import type { Target } from "../domain/Target.ts"
import type { Watched } from "../domain/Watched.ts"
import { StateStore } from "../store/StateStore.ts"
import { type Entry, readEntry } from "./Catalogue.ts"
import { changeDesired } from "./changeDesired.ts"
import type { Expected } from "./expected.ts"
import { describeEnd, isHolding, whatRuns } from "./hold.ts"
import type { Limits } from "./limits.ts"
import { isDeploying, type Ordered } from "./orders.ts"
import { orUnavailable } from "./orUnavailable.ts"
import { tagExists } from "./tagExists.ts"
import { whenDeployed } from "./whenDeployed.ts"

// Further back than anybody rolls back without naming it.
const lookedAt = 500

/**
 * Deploys the tag and digest of the last attempt that succeeded before what runs, or what is named, in one transaction
 * with a hold, so that the version that was left does not come back by itself.
 */
export const rollback = Effect.fn("rollback")(function* (
  watched: Watched,
  body: RollbackBody,
  expected: Expected,
  limits: Limits
) {
  const { name } = watched
  const entry = yield* readEntry(name)
  const store = yield* StateStore
  const attempts = yield* orUnavailable(store.attempts(name, lookedAt))
  const runs = entry.observed?._tag === "Runs" ? highestTask(entry.observed) : null
  const to = yield* findTarget(watched, entry, body, runs, attempts, limits)
  if (runs !== null && isSame(runs, to)) {
    return yield* new Conflict({
      message: `${to.tag} is what ${name} runs: a redeploy deploys it once more; nothing was changed`
    })
  }
  const from = runs?.tag ?? "what runs"
  if (watched.mode === "plan") {
    return {
      message: `${name} would be rolled back from ${from} to ${to.tag}: in mode "plan" nothing is deployed; nothing was changed`,
      desired: entry.desired
    } satisfies Ordered
  }
  const { name: by } = yield* Caller
  const { hold: standing } = entry.desired
  // A hold that only a person ends stops more than ours would, and stays unless ours was asked for.
  const keeps =
    standing !== null &&
    isHolding(standing, entry.readAt) &&
    standing.until === null &&
    standing.resume === "manual" &&
    body.resume === undefined &&
    body.why === undefined
  const hold: Hold = keeps
    ? standing
    : {
        by,
        why: body.why ?? `rolled back from ${from} to ${to.tag}`,
        until: null,
        resume: body.resume ?? "next_version",
        left: whatRuns(entry)
      }
  const isUnderWay = yield* isDeploying(name, to.tag, to.digest)
  const request = { request: "rollback", requestTag: to.tag, requestDigest: to.digest } as const
  const desired = yield* changeDesired(watched, keeps ? request : { ...request, hold }, expected)
  const what = isUnderWay
    ? "it is being deployed already, and not once more"
    : `it is deployed ${whenDeployed(entry)}`
  const held = keeps
    ? `the hold of ${standing.by} stays`
    : `nothing is deployed by itself ${describeEnd(hold, desired)}`
  return {
    message: `${name} is rolled back from ${from} to ${to.tag}: ${what}; ${held}`,
    desired
  } satisfies Ordered
})

const findTarget = Effect.fnUntraced(function* (
  watched: Watched,
  entry: Entry,
  { attempt: id, tag }: RollbackBody,
  runs: ObservedTask | null,
  attempts: ReadonlyArray<Attempt>,
  { tagWithin }: Limits
) {
  const { name } = watched
  if (id !== undefined) {
    const store = yield* StateStore
    const named = yield* orUnavailable(store.attempt(id))
    if (named?.repository !== name) {
      return yield* new BadRequest({
        message: `body.attempt: ${name} has no such attempt; nothing was changed`
      })
    }
    if (named.state === "succeeded") return targetOf(named)
    return yield* new Conflict({
      message: `attempt ${id} at ${named.toTag} did not succeed, it is ${named.state}; nothing was changed`
    })
  }
  if (tag !== undefined) {
    const succeeded = attempts.find(({ state, toTag }) => state === "succeeded" && toTag === tag)
    if (succeeded !== undefined) return targetOf(succeeded)
    const { digest } = yield* tagExists(watched, tag, entry.view, tagWithin)
    if (digest !== null) return { tag, digest }
    return yield* new Conflict({
      message: `no attempt at ${tag} succeeded, and the registry does not answer for its digest; nothing was changed`
    })
  }
  if (runs === null) {
    return yield* new Conflict({
      message: `it is not known what ${name} runs: name a tag or an attempt; nothing was changed`
    })
  }
  const before = succeededBefore(runs, attempts, entry)
  if (before !== undefined) return targetOf(before)
  return yield* new Conflict({
    message:
      `no attempt of ${name} succeeded before ${runs.tag ?? "what runs"}: name what to go back to, ` +
      '{"tag": "…"} or {"attempt": "…"}; nothing was changed'
  })
})

const targetOf = ({ toTag, toDigest }: Attempt): Target => ({ tag: toTag, digest: toDigest })

const isSame = (runs: Pick<ObservedTask, "tag" | "digest">, to: Target): boolean =>
  runs.tag === to.tag && (runs.digest === null || runs.digest === to.digest)

/** Newest first: the first that succeeded of those before the one that brought what runs; not what is in quarantine. */
const succeededBefore = (
  runs: ObservedTask,
  attempts: ReadonlyArray<Attempt>,
  { history, readAt }: Entry
): Attempt | undefined => {
  const quarantined = new Set(
    history.quarantine.filter((kept) => isStanding(kept, readAt)).map(({ digest }) => digest)
  )
  return attempts
    .slice(broughtAt(runs, attempts) + 1)
    .find(
      (attempt) =>
        attempt.state === "succeeded" &&
        !isSame(runs, targetOf(attempt)) &&
        !quarantined.has(attempt.toDigest)
    )
}

/**
 * Where the attempt stands that brought what runs; -1: none of ours did. A rollback is taken for the attempt that it went
 * back to: rolling back twice goes two back, and not forth again.
 */
const broughtAt = (runs: ObservedTask, attempts: ReadonlyArray<Attempt>): number => {
  const marked = attempts.findIndex(({ id }) => id === runs.marker)
  let at =
    marked === -1
      ? attempts.findIndex((attempt) => attempt.acceptedAt !== null && isSame(runs, targetOf(attempt)))
      : marked
  for (let brought = attempts[at]; brought?.requestKind === "rollback"; brought = attempts[at]) {
    const { toTag: tag, toDigest: digest } = brought
    const earlier = attempts.findIndex(
      (attempt, index) =>
        index > at && attempt.acceptedAt !== null && isSame({ tag, digest }, targetOf(attempt))
    )
    if (earlier === -1) break
    at = earlier
  }
  return at
}
