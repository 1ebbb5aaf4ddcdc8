import type { AttemptReason } from "../domain/Attempt.ts"
import type { BrakeLimit } from "../domain/BrakeState.ts"

/** The moves of one interval that no push explains, and what may still become one. */
export interface Moves {
  /** Repositories whose move is wanted, or went within the interval. */
  readonly moves: number
  /** Others that were woken together with them and are not decided yet. */
  readonly undecided: number
  readonly watched: number
}

/**
 * True for a move that goes however many there are: released, or brought by a push; what somebody else set back was
 * pushed long ago. `reason` null: not known any more.
 */
export const isFree = (
  { isReleased, isExplained }: { readonly isReleased: boolean; readonly isExplained: boolean },
  reason: AttemptReason | null
): boolean => isReleased || (isExplained && reason !== "drift")

/** True for so many moves that nobody can have meant them all. */
export const areMany = (moves: number, watched: number, { share, count }: BrakeLimit): boolean =>
  moves >= count && moves > share * watched

/**
 * Whether one more of these may go, waits until the others are decided, or puts the brake on. While the others could
 * still make them too many none goes: all of them are to pause, the first as well as the last.
 */
export const weigh = ({ moves, undecided, watched }: Moves, limit: BrakeLimit): "go" | "wait" | "brake" => {
  if (areMany(moves, watched, limit)) return "brake"
  return areMany(moves + undecided, watched, limit) ? "wait" : "go"
}
