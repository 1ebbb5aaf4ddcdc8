import { Schema } from "effect"

/** Sent where a registry, or Nomad, did not answer. */
export const retryAfter = {
  "retry-after": Schema.optionalKey(
    Schema.String.annotate({ description: "seconds; the host that did not answer is not asked before" })
  )
}
