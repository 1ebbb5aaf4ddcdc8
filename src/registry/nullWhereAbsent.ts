import { Effect } from "effect"
import type { RegistryError } from "./RegistryError.ts"

/** That the registry has no such repository, or no such tag, is an answer: null. */
export const nullWhereAbsent = <A, R>(
  asked: Effect.Effect<A, RegistryError, R>
): Effect.Effect<A | null, RegistryError, R> =>
  Effect.catchIf(
    asked,
    ({ reason }) => reason._tag === "TagNotFound" || reason._tag === "RepositoryNotFound",
    () => Effect.succeed(null)
  )
