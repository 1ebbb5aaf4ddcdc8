import { type Duration, Effect } from "effect"
import { BadRequest, Unavailable } from "../api/ApiError.ts"
import type { Digest } from "../domain/Digest.ts"
import type { Tag } from "../domain/Tag.ts"
import type { View } from "../domain/View.ts"
import type { Watched } from "../domain/Watched.ts"
import { RegistryClient } from "../registry/RegistryClient.ts"

/** A tag that is there. */
export interface FoundTag {
  /** Null: only the last good view knows the tag, and not its digest. */
  readonly digest: Digest | null
  /** The registry did not answer, and the last good view did. */
  readonly isSilent: boolean
}

/** The digest that the tag points at now, by one HEAD. Fails where there is no such tag, and where nobody can tell. */
export const tagExists = Effect.fn("tagExists")(function* (
  watched: Watched,
  tag: Tag,
  view: View | null,
  within: Duration.Duration
): Effect.fn.Return<FoundTag, BadRequest | Unavailable, RegistryClient> {
  const registry = yield* RegistryClient
  return yield* registry.resolve(watched, tag).pipe(
    Effect.timeout(within),
    Effect.map((digest): FoundTag => ({ digest, isSilent: false })),
    Effect.catch((error) => {
      if (error._tag === "RegistryError" && error.reason._tag === "TagNotFound") {
        return new BadRequest({
          message: `${watched.name} has no tag ${tag} in its registry; nothing was changed`
        })
      }
      return Effect.andThen(
        Effect.logWarning("registry did not say whether a tag exists").pipe(
          Effect.annotateLogs({ repository: watched.name, tag, why: error.message })
        ),
        fromView(watched, tag, view)
      )
    })
  )
})

const fromView = (
  watched: Watched,
  tag: Tag,
  view: View | null
): Effect.Effect<FoundTag, BadRequest | Unavailable> => {
  const digest = view?.digests.get(tag) ?? null
  if (digest !== null || view?.tags?.includes(tag) === true) return Effect.succeed({ digest, isSilent: true })
  // A suspect listing proves nothing by what it lacks (S9).
  const isMissing = view !== null && (view.gone.has(tag) || (view.tags !== null && view.suspect === null))
  return isMissing
    ? new BadRequest({
        message:
          `the registry does not answer, and when it last did, at ${view.takenAt.toISOString()}, ` +
          `${watched.name} had no tag ${tag}; nothing was changed`
      })
    : new Unavailable({
        message: `the registry does not answer, and it is not known whether ${watched.name} has a tag ${tag}; nothing was changed`
      })
}
