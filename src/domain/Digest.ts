import { Schema } from "effect"

/** `sha256:` and 64, or `sha512:` and 128, lower-case hexadecimal digits (OCI image-spec, descriptor.md). */
export const Digest = Schema.String.check(
  Schema.isPattern(/^(sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/, {
    expected: "a digest: sha256: and 64 lower-case hexadecimal digits"
  })
).pipe(Schema.brand("Digest"))
export type Digest = typeof Digest.Type

export const isDigest = Schema.is(Digest)
