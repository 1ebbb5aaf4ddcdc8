import { Effect, Schema } from "effect"
import { NotFound } from "../api/ApiError.ts"
import { AttemptId } from "../domain/Attempt.ts"
import type { RepositoryName } from "../domain/RepositoryName.ts"
import { StateStore } from "../store/StateStore.ts"
import { orUnavailable } from "./orUnavailable.ts"

const isAttemptId = Schema.is(AttemptId)

/** The repository's attempt that the path names; another one's is none (X22). */
export const attemptOf = Effect.fnUntraced(function* (name: RepositoryName, id: string) {
  const store = yield* StateStore
  const attempt = isAttemptId(id) ? yield* orUnavailable(store.attempt(id)) : null
  if (attempt !== null && attempt.repository === name) return attempt
  return yield* new NotFound({ message: `${name} has no such attempt` })
})
