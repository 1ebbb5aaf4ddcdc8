import { Effect } from "effect"
import { decide } from "../decide/decide.ts"
import type { Seen } from "../decide/elect.ts"
import type { Fetched } from "../decide/manifest.ts"
import type { Situation } from "../decide/Situation.ts"
import type { Decision, Deploy } from "../domain/Decision.ts"
import type { Digest } from "../domain/Digest.ts"

/** A decision that stands: of a `Deploy` the manifest was fetched, or too many of them were not to be had. */
export interface Aimed {
  readonly situation: Situation
  readonly decision: Decision
  /** Of the manifest of what is to be deployed; null: nothing is to be done now. */
  readonly digest: Digest | null
}

// A digest learnt on the way may change the election; so many tags are tried in one pass.
const manifestsAPass = 5

/**
 * Asks for the manifest of what was decided to be deployed, and decides anew with it, until the answer is that of the
 * target (S10). `first` is what the situation decides; `fetch` answers what is seen afterwards as well; `amongAll` is
 * what all repositories together leave of a decision.
 */
export const aim = Effect.fnUntraced(function* <E, R, F, S>(
  situation: Situation,
  first: Decision,
  fetch: (
    decision: Deploy,
    situation: Situation
  ) => Effect.Effect<{ readonly fetched: Fetched; readonly seen: Seen | null }, E, R>,
  amongAll: (situation: Situation, decision: Decision) => Effect.Effect<Decision, F, S>
): Effect.fn.Return<Aimed, E | F, R | S> {
  let decision = yield* amongAll(situation, first)
  for (let asked = 0; decision._tag === "Deploy" && asked < manifestsAPass; asked++) {
    const { tag, reason } = decision
    const { fetched, seen } = yield* fetch(decision, situation)
    if (fetched._tag === "Fault") {
      if (reason !== "requested") return { situation, decision: fetched.show, digest: null }
      // The request waits for its target; what goes on meanwhile is decided without it.
      situation = { ...situation, requestFault: fetched.show }
    }
    situation = { ...situation, seen }
    decision = yield* amongAll(situation, decide(situation))
    if (fetched._tag !== "Digest" || decision._tag !== "Deploy") continue
    if (decision.tag === tag && decision.digest === fetched.digest)
      return { situation, decision, digest: fetched.digest }
  }
  return { situation, decision, digest: null }
})
