import { Schema } from "effect"

/** A person's order to deploy. `pin` is a POST with `pinned_tag`, `""` included. */
export const RequestKind = Schema.Literals(["pin", "reset", "redeploy", "rollback"])
export type RequestKind = typeof RequestKind.Type
