import { Effect } from "effect"
import { Deployer } from "../deployer/Deployer.ts"
import type { Decision } from "../domain/Decision.ts"
import type { PlanOutcome } from "../domain/JobPlan.ts"
import type { Tag } from "../domain/Tag.ts"
import { askManifest } from "../registry/askManifest.ts"
import type { Foreseen } from "./foresee.ts"

/** What a register of this tag would change in Nomad. `Untold`: registry or Nomad did not say, and why. */
export interface WouldRegister {
  readonly tag: Tag
  readonly outcome: PlanOutcome | { readonly _tag: "Untold"; readonly words: string }
}

/**
 * Nomad's own plan for what would be deployed, or for what waits and would be, once nothing stands in its way. Null
 * where there is no such thing, or no job to put it in. Nothing is written.
 */
export const planOf = Effect.fn("planOf")(function* ({
  watched,
  decision,
  base
}: Pick<Foreseen, "watched" | "decision" | "base">) {
  const wanted = wantedBy(decision)
  if (wanted === null || base === undefined) return null
  const { tag } = wanted
  const untold = (words: string) => ({ tag, outcome: { _tag: "Untold", words } }) satisfies WouldRegister
  let { digest } = wanted
  if (digest === null) {
    const answer = yield* Effect.result(askManifest(watched, tag))
    if (answer._tag === "Failure") return untold(answer.failure.message)
    if (answer.success._tag !== "Image") return null
    digest = answer.success.digest
  }
  const deployer = yield* Deployer
  const outcome = yield* deployer
    .plan(base, { tag, digest })
    .pipe(Effect.catch(({ words }) => Effect.succeed({ _tag: "Untold" as const, words })))
  return { tag, outcome } satisfies WouldRegister
})

const wantedBy = (decision: Decision) => {
  switch (decision._tag) {
    case "Deploy":
      return decision
    case "Wait":
    case "Stall":
      return decision.would
    case "InSync":
    case "Follow":
    case "Settle":
      return null
  }
}
