import { Duration, Effect, Equal } from "effect"
import { Ballot } from "../decide/Ballot.ts"
import { elect, electMended, type Seen } from "../decide/elect.ts"
import { suspect, withListed } from "../decide/suspicion.ts"
import type { Desired } from "../domain/Desired.ts"
import type { History } from "../domain/History.ts"
import { type Runs, tagsOf } from "../domain/Observed.ts"
import type { Tag } from "../domain/Tag.ts"
import { type Doubt, lostFrom, type View, withDigest } from "../domain/View.ts"
import type { Watched } from "../domain/Watched.ts"
import { namedBy } from "../reconcile/poll.ts"
import { nullWhereAbsent } from "../registry/nullWhereAbsent.ts"
import { RegistryClient } from "../registry/RegistryClient.ts"

/** What the registry was asked about: a repository, for what, beside what is known of it. */
export interface Looking {
  readonly watched: Watched
  readonly desired: Desired
  readonly runs: Runs
  readonly history: History
  /** The last good view; null where there is none. */
  readonly before: View | null
}

const seenIn = (view: View): Seen => ({ view, ballot: new Ballot(view.tags ?? []) })

/**
 * Asks the registry what a poll would ask it: one listing for `""`, one HEAD for a pin, one more for what an open
 * redeploy names, or for what is in quarantine. Where it does not say, the last good view stays, beside the fault in
 * words. Nothing is written down.
 */
export const look = Effect.fnUntraced(function* (looking: Looking) {
  const { watched, desired, runs, history, before } = looking
  const registry = yield* RegistryClient
  const at = history.readAt
  let view = before
  const resolve = (tag: Tag) =>
    Effect.map(
      nullWhereAbsent(registry.resolve(watched, tag)),
      (digest) => void (view = withDigest(view, tag, digest, at))
    )
  const asked = Effect.gen(function* () {
    yield* Effect.forEach(namedBy(desired), resolve, { discard: true })
    if (desired.pinnedTag !== "") return yield* resolve(desired.pinnedTag)
    view = withListing(looking, view, yield* nullWhereAbsent(registry.tags(watched)))
    const mended = electMended(desired, seenIn(view), { runs, history, now: at })
    if (mended?.isPassedOver === true) yield* resolve(mended.tag)
  })
  const fault = yield* Effect.match(asked, {
    onSuccess: () => null,
    onFailure: ({ message }) => message
  })
  return { seen: view === null ? null : seenIn(view), fault }
})

// As the leader has it, in Postgres (`src/store/views.ts`).
const believedAfter = Duration.toMillis(Duration.hours(24))

/** Since when a listing is as doubtful as this one; null: it was not, or another one was. */
const sinceWhen = (before: Doubt | null | undefined, doubt: Omit<Doubt, "since">): Date | null =>
  before != null && Equal.equals({ ...doubt, since: before.since }, before) ? before.since : null

/** The view after one complete listing; null: the registry has no such repository. A suspect one takes nothing away (S9). */
const withListing = (
  { desired, runs, history, before }: Looking,
  view: View | null,
  listed: ReadonlyArray<Tag> | null
): View => {
  const { readAt: takenAt } = history
  const given = listed ?? []
  const digests = view?.digests ?? new Map()
  const known = before?.tags ?? null
  const running = tagsOf(runs)
  const good: View = { tags: given, digests, takenAt, suspect: null, gone: new Set() }
  const suspicion = suspect(known, listed, running)
  const gone = new Set([...(view?.gone ?? [])].filter((tag) => !given.includes(tag)))
  if (suspicion === null) return { ...good, gone }
  const lost = lostFrom(new Set(known), new Set(given), running)
  const since = sinceWhen(before?.doubt, { suspicion, ...lost }) ?? takenAt
  // A reset goes by what is listed, if that elects anything.
  const isBelieved =
    takenAt.getTime() - since.getTime() >= believedAfter ||
    (desired.requestKind === "reset" &&
      elect(desired, seenIn(good), { runs, history, now: takenAt }, true)._tag === "Elected")
  if (isBelieved) return { ...good, gone }
  return {
    tags: withListed(known, given, true).filter((tag) => !gone.has(tag)),
    digests,
    takenAt,
    suspect: suspicion,
    doubt: { suspicion, ...lost, since },
    gone
  }
}
