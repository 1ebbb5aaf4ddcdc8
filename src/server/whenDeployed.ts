import type { StallReason, WaitReason } from "../domain/Decision.ts"
import { UnfitReason } from "../domain/Observed.ts"
import type { Entry } from "./Catalogue.ts"

/** What stops an order too. */
const onceMended: Partial<Record<StallReason | WaitReason, string>> = {
  nomad_unreachable: "once Nomad answers",
  forbidden: "once Nomad lets us",
  registry_unreachable: "once the registry answers",
  ...Object.fromEntries(UnfitReason.literals.map((reason) => [reason, "once the job can take it"]))
}

/** When an order goes: `now`, unless what it needs was not there at the last look. `isSilent`: the registry, just now. */
export const whenDeployed = ({ status: { decision } }: Entry, isSilent = false): string => {
  const isStopped = decision?._tag === "Wait" || decision?._tag === "Stall"
  const once = isStopped ? onceMended[decision.reason] : undefined
  if (isStopped && once !== undefined) return `${once} (${decision.words})`
  return isSilent ? "once the registry answers" : "now"
}
