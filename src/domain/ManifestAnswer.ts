import type { Digest } from "./Digest.ts"

/** What a registry said of a manifest that it was asked for. */
export type ManifestAnswer =
  /** Of an image, or an index of images: computed from its bytes (S10). */
  | { readonly _tag: "Image"; readonly digest: Digest }
  /** It has no such tag, or no such digest where that was asked for. */
  | { readonly _tag: "Gone" }
  | { readonly _tag: "NotAnImage"; readonly mediaType: string }
