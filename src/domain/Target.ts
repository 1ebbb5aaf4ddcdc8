import { Schema } from "effect"
import { Digest } from "./Digest.ts"
import { Tag } from "./Tag.ts"

/** What an attempt deploys: the tag for people, the digest for nodes. */
export const Target = Schema.Struct({ tag: Tag, digest: Digest })
export type Target = typeof Target.Type
