import { Effect } from "effect"
import { NotFound } from "../api/ApiError.ts"
import { Caller } from "../api/Authorization.ts"
import type { Watched } from "../domain/Watched.ts"

/** Those that the caller may know of, in the order of the config. */
export const visible = (watched: ReadonlyArray<Watched>) =>
  Effect.map(Caller, ({ repositories }) =>
    watched.filter(({ name }) => repositories === null || repositories.includes(name))
  )

/** 404 for what is not watched and for what is another's: both look the same (X22). */
export const findWatched = Effect.fnUntraced(function* (watched: ReadonlyArray<Watched>, repository: string) {
  const found = (yield* visible(watched)).find(({ name }) => name === repository)
  return found ?? (yield* new NotFound({ message: "no such repository is watched" }))
})
