import { soakEnd } from "./promotion.ts"
import type { Situation } from "./Situation.ts"

const hour = 3_600_000

/**
 * When time alone may make the next decision another one: the end of a hold, of a quarantine (S11), of the hour after
 * a refusal (rule 16), of the soak of canaries. Null where nothing of that is to come.
 */
export const nextTurn = (
  situation: Pick<Situation, "watched" | "desired" | "history" | "now">
): Date | null => {
  const { desired, history, now } = situation
  const { lastRejected, quarantine } = history
  const turns = [
    desired.hold?.until ?? null,
    ...quarantine.map(({ until }) => until),
    soakEnd(situation),
    lastRejected === null ? null : new Date(lastRejected.changedAt.getTime() + hour)
  ]
  let next: Date | null = null
  for (const turn of turns) {
    if (turn !== null && turn > now && (next === null || turn < next)) next = turn
  }
  return next
}
