import type { Duration, Redacted } from "effect"
import type { BrakeLimit } from "../domain/BrakeState.ts"
import type { Watched } from "../domain/Watched.ts"

/** What the server needs of the config; a `Config` is one. */
export interface ServerSettings {
  /** The config as named on the command line. */
  readonly file: string
  /** Port 0: any free one. */
  readonly listen: { readonly host: string; readonly port: number }
  readonly allowUnauthenticated: boolean
  readonly database: "embedded" | Redacted.Redacted
  readonly watched: ReadonlyArray<Watched>
  /** What pauses automatic moves (S17): a plan foretells it. */
  readonly brake: BrakeLimit
  /** How often each registry is asked about each repository. */
  readonly pollInterval: Duration.Duration
}
