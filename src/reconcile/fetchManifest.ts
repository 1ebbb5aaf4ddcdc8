import { Duration, Effect, Random } from "effect"
import { type Deploy, Wait } from "../domain/Decision.ts"
import type { Desired } from "../domain/Desired.ts"
import type { Digest } from "../domain/Digest.ts"
import { RegistryClient } from "../registry/RegistryClient.ts"
import { StateStore } from "../store/StateStore.ts"
import type { StoreError } from "../store/StoreError.ts"
import { imageOf, learn, paceOf, passOver, type Polling, remember } from "./poll.ts"
import { monotonic, type Watching } from "./Watching.ts"

/** What became of it. */
export type Fetched =
  | { readonly _tag: "Digest"; readonly digest: Digest }
  /** The tag is gone, or no image: the election is another one. */
  | { readonly _tag: "Passed" }
  | { readonly _tag: "Fault"; readonly show: Wait }

/** The target's manifest, fetched anew for each attempt; of a rollback by its digest, whatever its tag is now (S10). */
export const fetchManifest = Effect.fnUntraced(function* (
  watching: Watching,
  { tag, digest, reason }: Deploy,
  polling: Polling,
  { pinnedTag, requestKind }: Desired
) {
  const registry = yield* RegistryClient
  const would = { tag, digest }
  const isRequested = reason === "requested"
  const fault = (why: Wait["reason"], words: string, verdict: Wait["verdict"] = null): Fetched => ({
    _tag: "Fault",
    show: Wait.make({ reason: why, words, would, verdict })
  })
  const byDigest = isRequested && requestKind === "rollback" ? digest : null
  // Of versions the next lower one is elected; a pin, or what a request names, has no other.
  const isFollowing = pinnedTag === "" && !(isRequested && isNamed(requestKind))
  const host = paceOf(watching.watched.registry, "manifestFault")
  const left = isRequested ? 0 : yield* polling.pace.wait(host)
  if (left > 0) {
    const chance = (yield* Random.next) * (Duration.toMillis(polling.interval) / 4)
    watching.nextPoll = Math.min(watching.nextPoll, (yield* monotonic) + left + chance)
    return fault("registry_unreachable", watching.manifestFault ?? "the registry gives no manifests now")
  }
  const answered = Effect.suspend(() => {
    watching.manifestFault = null
    return polling.pace.answered(host)
  })
  return yield* registry.manifest(imageOf(watching), byDigest ?? tag).pipe(
    Effect.tap(answered),
    Effect.flatMap((manifest): Effect.Effect<Fetched, StoreError, StateStore> => {
      const found: Fetched = { _tag: "Digest", digest: manifest.digest }
      return byDigest === null
        ? Effect.as(learn(watching, tag, manifest.digest), found)
        : Effect.succeed(found)
    }),
    Effect.catchTag("RegistryError", (error) => {
      switch (error.reason._tag) {
        case "TagNotFound":
        case "RepositoryNotFound":
          return byDigest === null
            ? Effect.andThen(answered, learn(watching, tag, null)).pipe(
                Effect.as<Fetched>({ _tag: "Passed" })
              )
            : Effect.as(
                answered,
                fault("tag_missing", `the registry has ${tag}@${byDigest} no more`, "missing")
              )
        case "NotAnImage":
          return isFollowing
            ? Effect.andThen(answered, passOver(watching, tag)).pipe(Effect.as<Fetched>({ _tag: "Passed" }))
            : Effect.as(
                answered,
                fault("nothing_elected", `${tag} is no image but ${error.reason.mediaType}`, "not_an_image")
              )
        default:
          return Effect.as(
            remember(watching, error, polling, "manifestFault"),
            fault("registry_unreachable", error.message)
          )
      }
    })
  )
})

const isNamed = (kind: Desired["requestKind"]): boolean => kind === "redeploy" || kind === "rollback"
