import { Schema } from "effect"

/** `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`, as OCI distribution-spec 1.1 has it; case counts. */
export const Tag = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/, {
    expected: "a tag: 1 to 128 of A-Z a-z 0-9 _ . -, not beginning with . or -"
  })
).pipe(Schema.brand("Tag"))
export type Tag = typeof Tag.Type

export const isTag = Schema.is(Tag)
