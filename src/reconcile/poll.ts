import { Duration, Effect, Random } from "effect"
import { Ballot } from "../decide/Ballot.ts"
import { elect, electMended } from "../decide/elect.ts"
import { suspect, withListed } from "../decide/suspicion.ts"
import type { Desired } from "../domain/Desired.ts"
import type { Digest } from "../domain/Digest.ts"
import type { History } from "../domain/History.ts"
import { type Runs, tagsOf } from "../domain/Observed.ts"
import type { ImageRepository } from "../domain/RegistryEndpoint.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import type { Tag } from "../domain/Tag.ts"
import type { Suspicion } from "../domain/View.ts"
import { nullWhereAbsent } from "../registry/nullWhereAbsent.ts"
import { RegistryClient } from "../registry/RegistryClient.ts"
import type { RegistryError } from "../registry/RegistryError.ts"
import { StateStore } from "../store/StateStore.ts"
import type { Brake } from "./Brake.ts"
import { today } from "./today.ts"
import { type Beat, jittered, type Pace } from "./Pace.ts"
import { countPoll } from "./metrics.ts"
import { monotonic, type Watching } from "./Watching.ts"

const hour = 3_600_000

export interface Polling {
  readonly interval: Duration.Duration
  readonly pace: Pace
  readonly beat: Beat
  /** Names to be marked as checked, together, a little later. */
  readonly checked: Set<RepositoryName>
  readonly brake: Brake
}

export const imageOf = ({ watched }: Watching): ImageRepository => ({
  registry: watched.registry,
  image: watched.image
})

/**
 * Asks the registry what desired state needs of it, if that is due: one listing for `""`, one HEAD for a pin, and one
 * HEAD more for what is in quarantine or, once an hour, may have been overwritten. A fault is remembered, not thrown:
 * the last good view stays. `at` is the time of `decide`.
 */
export const poll = Effect.fn("poll")(function* (
  watching: Watching,
  desired: Desired,
  runs: Runs | null,
  history: History,
  at: Date,
  polling: Polling
) {
  const { interval, pace, beat, checked, brake } = polling
  const now = yield* monotonic
  // A person's change is answered by what the registry has now, not by a listing from before a pin or another leader's.
  const isAsked =
    watching.polledFor === null
      ? desired.requestedGeneration !== null
      : watching.polledFor !== desired.generation
  if (now < watching.nextPoll && !isAsked && isKnown(watching, desired)) return
  const { registry, name } = watching.watched
  const isRequested = isAsked && desired.requestedGeneration !== null
  const wait = isRequested ? 0 : yield* pace.wait(registry)
  watching.isPutOff = wait > 0
  if (wait > 0) {
    watching.nextPoll = now + wait + (yield* Random.next) * (Duration.toMillis(interval) / 4)
    return
  }
  watching.asking(now)
  const asked = Effect.andThen(
    Effect.forEach(namedBy(desired), (tag) => look(watching, tag)),
    desired.pinnedTag === ""
      ? list(watching, desired, runs, history, at)
      : look(watching, desired.pinnedTag, desired.generation)
  )
  yield* asked.pipe(
    Effect.andThen(lookAgain(watching, desired, runs, history, now, at)),
    Effect.andThen(
      Effect.gen(function* () {
        const isBack = yield* pace.answered(registry)
        if (watching.fault !== null) yield* Effect.logInfo("registry answers again")
        // Whoever tries it for all may have had no fault: it was put off itself, or not due.
        if (isBack || watching.fault !== null) yield* brake.expectPutOff(registry)
        watching.fault = null
        for (const [tag, again] of watching.notImages) if (now >= again) watching.notImages.delete(tag)
        watching.polledFor = desired.generation
        checked.add(name)
        yield* countPoll(registry, "answered")
        watching.answered(beat.nearest(now + (yield* jittered(interval))))
      })
    ),
    Effect.catchTag("RegistryError", (error) => remember(watching, error, polling))
  )
})

/** The tag of an open redeploy, where the pin is another. */
export const namedBy = ({ requestKind, requestTag, pinnedTag }: Desired): ReadonlyArray<Tag> =>
  requestKind === "redeploy" && requestTag !== null && requestTag !== pinnedTag ? [requestTag] : []

/** False while what the next decision needs was never asked for. */
const isKnown = ({ view }: Watching, desired: Desired): boolean => {
  if (view === null) return false
  const { pinnedTag } = desired
  if (namedBy(desired).some((tag) => !view.digests.has(tag) && !view.gone.has(tag))) return false
  return pinnedTag === "" ? view.tags !== null : view.digests.has(pinnedTag) || view.gone.has(pinnedTag)
}

/**
 * What backs off on its own (L7): a registry that refuses manifests, for having been asked for too many, may list well,
 * and an answer to the one says nothing of the other.
 */
export const paceOf = (registry: string, of: "fault" | "manifestFault"): string =>
  of === "fault" ? registry : `${registry}, manifests`

/** Keeps a fault in words, logs it when it changes, and says when to ask again. */
export const remember = Effect.fnUntraced(function* (
  watching: Watching,
  error: RegistryError,
  { pace, interval, brake }: Polling,
  of: "fault" | "manifestFault" = "fault"
) {
  const { registry } = watching.watched
  const { reason } = error
  yield* countPoll(registry, reason._tag)
  if (watching[of] !== error.message) {
    yield* Effect.logWarning("registry fault").pipe(Effect.annotateLogs({ fault: error.message }))
  }
  watching[of] = error.message
  // Any other word of the host's is an answer: only this repository waits, for its next interval.
  if (reason._tag !== "Unavailable") {
    const isBack = yield* pace.answered(paceOf(registry, of))
    if (isBack && of === "fault") yield* brake.expectPutOff(registry)
  }
  const delay =
    reason._tag === "Unavailable"
      ? yield* pace.failed(paceOf(registry, of), reason.retryAfter)
      : Duration.toMillis(interval)
  watching.nextPoll = (yield* monotonic) + delay
})

/** One complete listing; a suspect one adds what is new and takes nothing away (S9). */
const list = Effect.fnUntraced(function* (
  watching: Watching,
  desired: Desired,
  runs: Runs | null,
  history: History,
  at: Date
) {
  const registry = yield* RegistryClient
  const listed = yield* nullWhereAbsent(registry.tags(imageOf(watching)))
  const { view, listing: before } = watching
  const given = listed ?? []
  const running = tagsOf(runs)
  const suspicion = suspect(before, listed, running)
  const takenAt = yield* today
  const isSame =
    before !== null && suspicion === null && view?.suspect === null && isEqualSet(watching.ballot.tags, given)
  if (isSame && watching.savedFor === desired.generation) {
    watching.view = { ...view, takenAt }
    return
  }
  const listing = { tags: given, suspect: suspicion, running }
  const doubt = yield* save(watching, listing, () => {
    const raw = {
      tags: given,
      digests: view?.digests ?? new Map(),
      takenAt,
      suspect: null,
      gone: new Set<Tag>()
    }
    const seen = { view: raw, ballot: new Ballot(given) }
    // A reset goes by what is listed, if that elects anything (S9).
    return (
      desired.requestKind === "reset" &&
      elect(desired, seen, { runs, history, now: at }, true)._tag === "Elected"
    )
  })
  watching.savedFor = desired.generation
  const gone = new Set([...(view?.gone ?? [])].filter((tag) => !given.includes(tag)))
  watching.listing = withListed(before, given, doubt !== null)
  const tags = doubt === null ? given : watching.listing.filter((tag) => !gone.has(tag))
  // The same array where nothing changed: the ballot then has nothing to compare once more.
  const kept = view?.tags != null && isEqualSet(watching.ballot.tags, tags) ? view.tags : tags
  const digests = view?.digests ?? new Map()
  watching.view = { tags: kept, digests, takenAt, suspect: doubt?.suspicion ?? null, doubt, gone }
})

/**
 * Writes a listing down, and answers what is still doubtful of it. A suspect one is believed once it is a day old, or
 * when a person accepted it, by a reset among others if `mayReset`.
 */
const save = Effect.fnUntraced(function* (
  watching: Watching,
  listing: {
    readonly tags: ReadonlyArray<Tag>
    readonly suspect: Suspicion | null
    readonly running: ReadonlyArray<Tag>
  },
  mayReset: () => boolean
) {
  const store = yield* StateStore
  const { name, fingerprint } = watching.watched
  const { doubt, believed } = yield* store.saveListing(name, { ...listing, fingerprint })
  if (doubt === null) {
    if (watching.view?.suspect != null) yield* Effect.logInfo("the listing is whole again")
    return null
  }
  const { suspicion, listed, lost, running, since } = doubt
  if (believed !== null && (believed !== "reset" || mayReset())) {
    yield* store.saveListing(name, { tags: listing.tags, suspect: null, fingerprint })
    yield* Effect.logWarning("suspect view is believed").pipe(
      Effect.annotateLogs({ because: believed, suspicion, listed, lost, running, since })
    )
    return null
  }
  if (suspicion !== watching.view?.suspect) {
    yield* Effect.logWarning("suspect view").pipe(
      Effect.annotateLogs({ suspicion, listed, lost, running, since })
    )
  }
  return doubt
})

const isEqualSet = (a: ReadonlySet<Tag>, b: ReadonlyArray<Tag>): boolean =>
  a.size === b.length && b.every((tag) => a.has(tag))

/** One HEAD; that the registry has no such tag is an answer. `pinnedFor`: the tag is pinned, by this generation. */
const look = Effect.fnUntraced(function* (watching: Watching, tag: Tag, pinnedFor: number | null = null) {
  const registry = yield* RegistryClient
  const digest = yield* nullWhereAbsent(registry.resolve(imageOf(watching), tag))
  yield* learn(watching, tag, digest, pinnedFor)
  return digest
})

/** Writes down a tag's digest where it is news; a pin's also where it is the first view of a generation (S17). */
export const learn = Effect.fnUntraced(function* (
  watching: Watching,
  tag: Tag,
  digest: Digest | null,
  pinnedFor: number | null = null
) {
  const { view, watched } = watching
  const isNews = digest === null ? !(view?.gone.has(tag) ?? false) : view?.digests.get(tag) !== digest
  const isFirst = pinnedFor !== null && watching.savedFor !== pinnedFor
  if (isNews) watching.learn(tag, digest, yield* today)
  if (!isNews && !isFirst) return
  const store = yield* StateStore
  yield* store.saveDigest(watched.name, tag, digest, isFirst ? watched.fingerprint : undefined)
  if (isFirst) watching.savedFor = pinnedFor
})

/** The tag is no image: other versions are elected, and an hour later it may have become one. */
export const passOver = Effect.fnUntraced(function* (watching: Watching, tag: Tag) {
  watching.notImages.set(tag, (yield* monotonic) + hour)
  yield* Effect.logWarning("no image").pipe(Effect.annotateLogs({ tag }))
})

/** The highest version while it is in quarantine, each time; the version that runs once an hour. */
const lookAgain = Effect.fnUntraced(function* (
  watching: Watching,
  desired: Desired,
  runs: Runs | null,
  history: History,
  now: number,
  at: Date
) {
  const { view, ballot } = watching
  if (desired.pinnedTag !== "" || view === null || runs === null) return
  const mended = electMended(desired, { view, ballot }, { runs, history, now: at })
  if (mended === null) return
  const { tag } = mended
  if (mended.isPassedOver) {
    yield* look(watching, tag)
    return
  }
  const running = runs.tasks.find((task) => task.tag === tag)
  if (now < watching.nextLook || running === undefined) return
  watching.nextLook = now + hour
  const digest = yield* look(watching, tag)
  if (running.digest !== null && digest !== null && digest !== running.digest) {
    yield* Effect.logWarning("version tag overwritten").pipe(
      Effect.annotateLogs({ tag, runs: running.digest, registry: digest })
    )
  }
})
