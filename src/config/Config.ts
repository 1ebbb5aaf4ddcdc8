import type { Duration, Redacted } from "effect"
import type { BrakeLimit } from "../domain/BrakeState.ts"
import type { NomadEndpoint } from "../domain/NomadEndpoint.ts"
import type { RegistryEndpoint } from "../domain/RegistryEndpoint.ts"
import type { Watched } from "../domain/Watched.ts"
import type { Place } from "./ConfigError.ts"

/** One whole configuration: a TOML file, with what the environment overrides in it. */
export interface Config {
  /** As named on the command line, for messages. */
  readonly file: string
  /** Where that stands which only others than the config can judge. */
  readonly places: { readonly listen: Place; readonly database: Place; readonly leaderDatabase: Place }
  /** Port 0 is any free one. */
  readonly listen: { readonly host: string; readonly port: number }
  readonly allowUnauthenticated: boolean
  readonly pollInterval: Duration.Duration
  /** How many automatic moves that no push explains pause all of them (S17). */
  readonly brake: BrakeLimit
  /** So many jobs roll out together by themselves; undefined: any number. */
  readonly maxActiveRollouts: number | undefined
  /** `embedded`: neither `DATABASE_URL` nor `database_url` was given. */
  readonly database: "embedded" | Redacted.Redacted
  /** For the lock's session, where `database` is a transaction pooler. */
  readonly leaderDatabase: Redacted.Redacted | undefined
  readonly createDatabaseSchema: boolean
  /** Slack's incoming webhook; undefined is off. */
  readonly webhookUrl: Redacted.Redacted | undefined
  readonly registries: ReadonlyMap<string, RegistryEndpoint>
  readonly watched: ReadonlyArray<Watched>
  readonly nomad: NomadEndpoint
  /** One line each, beginning with file and line: keys no longer needed, a webhook left as placeholder. */
  readonly warnings: ReadonlyArray<string>
}
