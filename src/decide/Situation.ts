import type { Attempt } from "../domain/Attempt.ts"
import type { Wait } from "../domain/Decision.ts"
import type { Desired } from "../domain/Desired.ts"
import type { History } from "../domain/History.ts"
import type { Observed, Runs } from "../domain/Observed.ts"
import type { Watched } from "../domain/Watched.ts"
import type { Election, Seen } from "./elect.ts"

/** Everything one decision depends on. */
export interface Situation {
  readonly watched: Watched
  readonly desired: Desired
  /** The last good view; null where none was ever taken. */
  readonly seen: Seen | null
  /** The registry's last fault, in words, while it lasts. */
  readonly registryFault: string | null
  /** What the registry said in this pass when the target of the open request was fetched, if that was no manifest. */
  readonly requestFault: Wait | null
  readonly observed: Observed
  readonly history: History
  /** Postgres's clock (S19). It only ends holds, quarantines and the hour after a refusal. */
  readonly now: Date
}

/** A target that was elected. */
export type Elected = Extract<Election, { _tag: "Elected" }>
/** A situation whose job can be acted on. */
export interface Case extends Situation {
  readonly observed: Runs
}

/** Rule 3. Of our own that Nomad did not take nothing is in doubt: it may be what is wanted still. */
export const openOnJob = ({ watched, history: { openAttempt: open } }: Situation): Attempt | null =>
  open !== null && open.state === "intended" && open.repository === watched.name ? null : open
