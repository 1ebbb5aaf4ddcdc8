import type { Duration } from "effect"
import type { Watched } from "../domain/Watched.ts"
import type { Entry } from "./Catalogue.ts"
import { showDecision, showDesired } from "./shown.ts"
import { checkedLast, isStale } from "./why.ts"

/** What every answer about a repository begins with; `why`: its sentence. */
export const summarise = (watched: Watched, entry: Entry, interval: Duration.Duration, why: string) => {
  const { desired, decision, decidedAt } = entry.status
  return {
    name: watched.name,
    mode: watched.mode,
    job: watched.mapping.job,
    why,
    desired: showDesired(desired),
    decision: decision === null || decidedAt === null ? null : showDecision(decision, decidedAt),
    checked_at: checkedLast(entry),
    stale: isStale(entry, interval)
  }
}
