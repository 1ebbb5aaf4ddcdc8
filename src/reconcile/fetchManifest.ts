import { Duration, Effect, Random } from "effect"
import { digestAskedFor, type Fetched, judgeManifest, untoldManifest } from "../decide/manifest.ts"
import type { Deploy } from "../domain/Decision.ts"
import type { Desired } from "../domain/Desired.ts"
import { askManifest } from "../registry/askManifest.ts"
import { imageOf, learn, paceOf, passOver, type Polling, remember } from "./poll.ts"
import { monotonic, type Watching } from "./Watching.ts"

/** The target's manifest, fetched anew for each attempt; of a rollback by its digest, whatever its tag is now (S10). */
export const fetchManifest = Effect.fnUntraced(function* (
  watching: Watching,
  decision: Deploy,
  polling: Polling,
  desired: Desired
) {
  const { tag, reason } = decision
  const host = paceOf(watching.watched.registry, "manifestFault")
  const left = reason === "requested" ? 0 : yield* polling.pace.wait(host)
  if (left > 0) {
    const chance = (yield* Random.next) * (Duration.toMillis(polling.interval) / 4)
    watching.nextPoll = Math.min(watching.nextPoll, (yield* monotonic) + left + chance)
    return untoldManifest(decision, watching.manifestFault ?? "the registry gives no manifests now")
  }
  const byDigest = digestAskedFor(decision, desired)
  return yield* askManifest(imageOf(watching), byDigest ?? tag).pipe(
    Effect.flatMap(
      Effect.fnUntraced(function* (answer) {
        watching.manifestFault = null
        yield* polling.pace.answered(host)
        const fetched = judgeManifest(decision, desired, answer)
        // What a digest is, or that it is gone, says nothing of the tag.
        if (byDigest === null && answer._tag === "Image") yield* learn(watching, tag, answer.digest)
        if (byDigest === null && answer._tag === "Gone") yield* learn(watching, tag, null)
        if (answer._tag === "NotAnImage" && fetched._tag === "Passed") yield* passOver(watching, tag)
        return fetched
      })
    ),
    Effect.catchTag("RegistryError", (error) =>
      Effect.as(
        remember(watching, error, polling, "manifestFault"),
        untoldManifest(decision, error.message) satisfies Fetched
      )
    )
  )
})
