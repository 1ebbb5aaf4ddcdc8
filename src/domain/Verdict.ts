import { Schema } from "effect"
import { Tag } from "./Tag.ts"

/** Why a given tag is or is not the target. Facts of the tag, never of the moment. */
export const VerdictName = Schema.Literals([
  "elected",
  "artifact",
  "not_a_version",
  "prerelease",
  "other_shape",
  "older",
  "quarantined",
  "missing",
  "not_an_image"
])
export type VerdictName = typeof VerdictName.Type

export interface Verdict {
  readonly tag: Tag
  readonly verdict: VerdictName
}
