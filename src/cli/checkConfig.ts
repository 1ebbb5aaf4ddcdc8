import { Console, Effect } from "effect"
import type { Config } from "../config/Config.ts"
import { refuseOpenListener } from "../config/loadConfig.ts"

const count = (number: number, one: string, many: string): string => `${number} ${number === 1 ? one : many}`

/** Whether tokens exist is known to the database alone: what is said while nobody can ask it. */
export const openListenerNotes = (config: Config): Effect.Effect<ReadonlyArray<string>> =>
  refuseOpenListener(config, false).pipe(
    Effect.match({
      onSuccess: () => [],
      onFailure: ({ message }) => [`${message}: start refuses this while no token exists`]
    })
  )

/** Prints what `start` would say of a configuration that it takes; nothing else is asked or touched. */
export const checkConfig = Effect.fn("checkConfig")(function* (config: Config) {
  for (const warning of [...config.warnings, ...(yield* openListenerNotes(config))])
    yield* Console.error(`warning: ${warning}`)
  const repositories = count(config.watched.length, "repository", "repositories")
  const registries = count(config.registries.size, "registry", "registries")
  yield* Console.log(`${config.file}: nothing wrong; ${repositories} watched, ${registries}`)
})
