import { Effect, FileSystem } from "effect"

/** The text of a file; fails with words for why it has none. */
export const readText = Effect.fn("readText")(function* (path: string) {
  const files = yield* FileSystem.FileSystem
  return yield* files.readFileString(path).pipe(
    Effect.mapError(({ reason }) => {
      if (reason._tag === "NotFound") return "no such file"
      return reason._tag === "PermissionDenied" ? "no right to read it" : `an error, ${reason._tag}`
    })
  )
})
