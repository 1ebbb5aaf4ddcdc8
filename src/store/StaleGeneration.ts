import { Schema } from "effect"
import { RepositoryName } from "../domain/RepositoryName.ts"

/** The change was made for another generation than the row has: nothing was changed (S14). */
export class StaleGeneration extends Schema.TaggedError<StaleGeneration>()("StaleGeneration", {
  repository: RepositoryName,
  /** The one that it has. */
  generation: Schema.Int
}) {}
