import { Effect } from "effect"
import { Ballot } from "../decide/Ballot.ts"
import { decide } from "../decide/decide.ts"
import type { Situation } from "../decide/Situation.ts"
import type { Seen } from "../decide/elect.ts"
import { suspect } from "../decide/suspicion.ts"
import { type Base, Deployer } from "../deployer/Deployer.ts"
import type { Decision } from "../domain/Decision.ts"
import type { Desired } from "../domain/Desired.ts"
import type { Digest } from "../domain/Digest.ts"
import { markersOf, type Observed, tagsOf } from "../domain/Observed.ts"
import type { Tag } from "../domain/Tag.ts"
import type { View } from "../domain/View.ts"
import type { Watched } from "../domain/Watched.ts"
import { RegistryClient } from "../registry/RegistryClient.ts"
import { StateStore } from "../store/StateStore.ts"

/** What a repository is and what would become of it, were it acted on now. */
export interface Foreseen {
  readonly desired: Desired
  readonly observed: Observed
  readonly decision: Decision
  /** The job as it was read; undefined where `observed` is not `Runs`. */
  readonly base: Base | undefined
  /** False for a move that no push explains, as far as is known: it counts for the brake (S17). */
  readonly isExplained: boolean
  /** By Postgres's clock. */
  readonly readAt: Date
}

// A tag whose manifest is gone, or no image, gives way to the next; so many are tried.
const manifestsATry = 5

/**
 * Reads the three states of a repository anew and decides as the leader would, in mode `act`. Registers nothing and
 * records nothing: what was read is forgotten again.
 */
export const foresee = Effect.fn("foresee")(function* (watched: Watched) {
  const store = yield* StateStore
  const deployer = yield* Deployer
  const { observed, base } = yield* deployer.observe(watched.mapping)
  const desired = yield* store.desired(watched.name)
  const history = yield* store.history(watched.name, watched.mapping.job, markersOf(observed))
  const before = yield* store.view(watched.name)
  const asked = yield* look(watched, desired, observed, before)
  let situation: Situation = {
    watched: { ...watched, mode: "act" },
    desired,
    ...asked,
    requestFault: null,
    observed,
    history,
    now: history.readAt
  }
  const { requestedGeneration, requestKind, requestTag } = desired
  // What an open redeploy names need not be what is followed, so that nobody looked at it yet.
  if (requestedGeneration !== null && requestKind === "redeploy" && requestTag !== null) {
    const found = yield* manifestOf(watched, requestTag)
    if (situation.seen !== null && found.fault === null)
      situation = { ...situation, seen: withNamed(situation.seen, requestTag, found.digest) }
  }
  let decision = decide(situation)
  for (let tried = 0; decision._tag === "Deploy" && tried < manifestsATry; tried++) {
    const { tag, digest } = decision
    const found = yield* manifestOf(watched, tag)
    if (digest !== null && found.digest === digest) break
    if (situation.seen === null || found.fault !== null) {
      situation = { ...situation, seen: null, registryFault: found.fault }
    } else {
      situation = { ...situation, seen: withDigest(situation.seen, tag, found.digest) }
    }
    decision = decide(situation)
  }
  const isExplained = yield* explains(watched, desired, decision, before)
  return { desired, observed, decision, base, isExplained, readAt: history.readAt } satisfies Foreseen
})

/** Whether the brake would let this go, however many there are. */
const explains = Effect.fnUntraced(function* (
  { name, fingerprint }: Watched,
  { pinnedTag }: Desired,
  decision: Decision,
  before: View | null
) {
  if (decision._tag !== "Deploy" || decision.reason === "requested") return true
  const { tag, digest, reason } = decision
  const store = yield* StateStore
  const move = { repository: name, tag, digest }
  const isPinned = pinnedTag !== ""
  const known = before?.digests.get(tag)
  // Pushed since the leader looked last, or while none did.
  const isNews = isPinned
    ? known !== undefined && digest !== null && known !== digest
    : before?.tags?.includes(tag) === false
  const weight = yield* store.weighMove(move, { fingerprint, isPinned, isNews })
  return weight.isReleased || (weight.isExplained && reason !== "drift")
})

/** What the registry says now: its listing for `""`, the tag's digest for a pin. A fault is an answer as well. */
const look = Effect.fnUntraced(function* (
  watched: Watched,
  { pinnedTag }: Desired,
  observed: Observed,
  before: View | null
) {
  const registry = yield* RegistryClient
  const takenAt = new Date(0)
  const listed = registry.tags(watched).pipe(
    Effect.catchIf(
      ({ reason }) => reason._tag === "RepositoryNotFound",
      () => Effect.succeed(null)
    ),
    Effect.map((tags): Seen => {
      const suspicion = suspect(before?.tags ?? null, tags, tagsOf(observed))
      const kept =
        suspicion === null ? (tags ?? []) : [...new Set([...(before?.tags ?? []), ...(tags ?? [])])]
      const view = {
        tags: kept,
        digests: before?.digests ?? new Map(),
        takenAt,
        suspect: suspicion,
        gone: new Set<Tag>()
      }
      return { view, ballot: new Ballot(kept) }
    })
  )
  const pinned = (tag: Tag) =>
    Effect.map(manifestDigest(watched, tag), (digest): Seen => {
      const digests = new Map<Tag, Digest>(digest === null ? [] : [[tag, digest]])
      const view = {
        tags: null,
        digests,
        takenAt,
        suspect: null,
        gone: new Set(digest === null ? [tag] : [])
      }
      return { view, ballot: new Ballot() }
    })
  return yield* Effect.match(pinnedTag === "" ? listed : pinned(pinnedTag), {
    onSuccess: (seen) => ({ seen, registryFault: null }),
    onFailure: ({ message }) => ({ seen: null, registryFault: message })
  })
})

/** Of an image; null: the registry has no such tag, or it is none. */
const manifestDigest = (watched: Watched, tag: Tag) =>
  Effect.flatMap(RegistryClient, (registry) => registry.manifest(watched, tag)).pipe(
    Effect.map(({ digest }): Digest | null => digest),
    Effect.catchIf(
      ({ reason }) =>
        reason._tag === "TagNotFound" || reason._tag === "RepositoryNotFound" || reason._tag === "NotAnImage",
      () => Effect.succeed(null)
    )
  )

/** … or why that can not be told. */
export const manifestOf = (watched: Watched, tag: Tag) =>
  Effect.match(manifestDigest(watched, tag), {
    onSuccess: (digest) => ({ digest, fault: null }),
    onFailure: ({ message }) => ({ digest: null, fault: message })
  })

const withNamed = (seen: Seen, tag: Tag, digest: Digest | null): Seen =>
  digest === null
    ? { ...seen, view: { ...seen.view, gone: new Set([...seen.view.gone, tag]) } }
    : withDigest(seen, tag, digest)

const withDigest = (seen: Seen, tag: Tag, digest: Digest | null): Seen =>
  digest === null
    ? { ...seen, notImages: new Set([...(seen.notImages ?? []), tag]) }
    : { ...seen, view: { ...seen.view, digests: new Map([...seen.view.digests, [tag, digest]]) } }
