import { Effect, Redacted, Result } from "effect"
import type { Config } from "../config/Config.ts"
import { ConfigError, type ConfigProblem } from "../config/ConfigError.ts"
import { parseDatabaseUrl } from "../store/DatabaseUrl.ts"

/** Fails for database URLs that the store could not read, before anything is asked of a database. */
export const refuseDatabaseUrls = Effect.fn("refuseDatabaseUrls")(function* (config: Config) {
  const urls = [
    ["database_url", config.database, config.places.database],
    ["leader_database_url", config.leaderDatabase, config.places.leaderDatabase]
  ] as const
  const problems = urls.flatMap(([key, url, place]): ReadonlyArray<ConfigProblem> => {
    if (!Redacted.isRedacted(url)) return []
    return Result.match(parseDatabaseUrl(url), {
      onSuccess: () => [],
      onFailure: ({ problem }) => [
        { place, key, expected: "a URL as libpq takes it", got: `one that is none: ${problem}` }
      ]
    })
  })
  if (problems.length > 0) return yield* new ConfigError({ problems })
})
