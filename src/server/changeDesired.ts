import { Effect } from "effect"
import { Caller } from "../api/Authorization.ts"
import type { Watched } from "../domain/Watched.ts"
import type { DesiredChange } from "../store/desired.ts"
import { StateStore } from "../store/StateStore.ts"
import { type Expected, isOutdated } from "./expected.ts"
import { orUnavailable } from "./orUnavailable.ts"

/** Commits what the caller changes, and audits it in the caller's name; 412 where another generation stands (S14). */
export const changeDesired = Effect.fnUntraced(function* (
  { name: repository }: Watched,
  keys: Omit<DesiredChange, "repository" | "by" | "from" | "expected">,
  expected: Expected
) {
  const store = yield* StateStore
  const { name: by, from } = yield* Caller
  const held = expected === null ? {} : { expected }
  return yield* store.change({ repository, ...keys, ...held, by, from }).pipe(
    Effect.catchTag("StaleGeneration", () => isOutdated(repository)),
    (changed) => Effect.catchTag(changed, "StoreError", (error) => orUnavailable(Effect.fail(error)))
  )
})
