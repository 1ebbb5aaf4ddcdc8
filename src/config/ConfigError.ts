import { Schema } from "effect"

/** A line of the file (from 1), or an environment variable (`line` null). */
export const Place = Schema.Struct({ source: Schema.String, line: Schema.NullOr(Schema.Int) })
export type Place = typeof Place.Type

export const printPlace = ({ source, line }: Place): string => (line === null ? source : `${source}:${line}`)

/** One thing that is wrong. No part of it ever holds a secret. */
export const ConfigProblem = Schema.Struct({
  place: Place,
  /** As TOML writes it: `repo_map.api.registry_name`. Empty where it is not about one key. */
  key: Schema.String,
  /** Completes "expected …". */
  expected: Schema.String,
  /** Completes "got …". */
  got: Schema.String
})
export type ConfigProblem = typeof ConfigProblem.Type

/** `config/x.toml:12: repo_map.api.registry_name: expected …, got "ghrc"`. */
export const printProblem = ({ place, key, expected, got }: ConfigProblem): string =>
  `${printPlace(place)}: ${key === "" ? "" : `${key}: `}expected ${expected}, got ${got}`

/** Everything wrong in one configuration, one problem or more. Nothing starts: exit 78 (S18). */
export class ConfigError extends Schema.TaggedError<ConfigError>()("ConfigError", {
  problems: Schema.Array(ConfigProblem)
}) {
  override readonly message = this.problems.map(printProblem).join("\n")
}
