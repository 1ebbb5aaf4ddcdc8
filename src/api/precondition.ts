import { Schema } from "effect"

/** `"7"`: the generation of the desired state that was answered. */
export const etag = {
  etag: Schema.String.annotate({
    description: 'the generation of its desired state, in quotes; what `If-Match` of a write names ("7")'
  })
}

/** A write says which state it was decided on, so that no two people undo each other's unseen (S14). */
export const ifMatch = {
  "if-match": Schema.optionalKey(
    Schema.String.check(
      Schema.isPattern(/^(\*|"\d{1,15}")$/, {
        expected: '"<generation>", the ETag of the repository with its quotes, or *'
      })
    ).annotate({
      description:
        'needed: the ETag that was read, `"7"`, or `*` for whatever stands. 412 where it is missing or another one stands'
    })
  )
}
