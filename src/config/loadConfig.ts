import { Array, Effect, Order } from "effect"
import { dirname } from "node:path"
import { isLoopback } from "../domain/isLoopback.ts"
import type { Config } from "./Config.ts"
import { ConfigError, type ConfigProblem } from "./ConfigError.ts"
import { parseDocument } from "./Document.ts"
import { Findings } from "./Findings.ts"
import { belongs, brakeKeys, isNoLongerNeeded, registryKeys, topKeys } from "./keys.ts"
import { nomadEndpoint } from "./nomadEndpoint.ts"
import { readText } from "./readText.ts"
import { type Registry, registryEndpoint } from "./registryEndpoint.ts"
import { repositories } from "./repositories.ts"
import { type Environment, override, unknownVariables, variable } from "./variables.ts"

/** The file's problems in the order of their lines, then those that have none. */
const inOrder = Order.mapInput(Order.Number, ({ place }: ConfigProblem) => place.line ?? Infinity)
const refuse = (problems: ReadonlyArray<ConfigProblem>) =>
  new ConfigError({ problems: Array.sort(problems, inOrder) })

/**
 * Reads and checks the whole configuration before anything is touched (S18). Fails with every problem
 * at once. The environment wins over the file: `DATABASE_URL`, and `REGISTRYWATCHER_` before the name
 * of each key that stands outside the tables. `NOMAD_*` and `VAULT_TOKEN` stand nowhere else.
 *
 * @param file - as the messages shall name it; paths in it are relative to its directory.
 */
export const loadConfig = Effect.fn("loadConfig")(function* (file: string, environment: Environment) {
  const findings = new Findings()
  const toml = yield* readText(file).pipe(
    Effect.mapError((got) => {
      const expected = "a configuration that can be read (config/sample.toml is a template)"
      return refuse([{ place: { source: file, line: null }, key: "", expected, got }])
    })
  )
  const document = yield* Effect.fromResult(parseDocument(file, toml)).pipe(
    Effect.mapError((problem) => refuse([problem]))
  )

  const top = document.read([], topKeys, findings, {
    subtables: ["brake", "registry_map", "repo_map"],
    isNoLongerNeeded: isNoLongerNeeded.top,
    override: override(environment),
    belongs
  })
  unknownVariables(environment, findings)
  const brake = document.read(["brake"], brakeKeys, findings, { belongs })
  const nomad = yield* nomadEndpoint(environment, findings)

  const registries = new Map<string, Registry | undefined>()
  for (const name of document.names("registry_map", findings)) {
    const section = document.read(["registry_map", name], registryKeys, findings, { belongs })
    registries.set(name, yield* registryEndpoint(name, section, dirname(file), findings))
  }
  const watched = repositories(
    document,
    top,
    registries,
    {
      region: nomad.region,
      namespace: nomad.namespace,
      drift: top.good.drift ?? "hold",
      mode: top.good.mode ?? "act"
    },
    findings
  )

  const isEmbedded = "database_url" in top.good && (top.good.database_url ?? "embedded") === "embedded"
  if (isEmbedded && variable(environment, "NOMAD_ALLOC_ID") !== undefined) {
    // N private databases would be N leaders.
    const expected = "a postgresql:// URL, here or in DATABASE_URL, where NOMAD_ALLOC_ID is set"
    findings.problem(top.place("database_url"), top.key("database_url"), expected, "the embedded database")
  }
  if (top.all === undefined || brake.all === undefined || findings.problems.length > 0)
    return yield* refuse(findings.problems)
  const config: Config = {
    file,
    places: {
      listen: top.place("server_listening_address"),
      database: top.place("database_url"),
      leaderDatabase: top.place("leader_database_url")
    },
    listen: top.all.server_listening_address,
    allowUnauthenticated: top.all.allow_unauthenticated,
    pollInterval: top.all.poll_interval,
    brake: brake.all,
    maxActiveRollouts: top.all.max_active_rollouts,
    database: top.all.database_url ?? "embedded",
    leaderDatabase: top.all.leader_database_url,
    createDatabaseSchema: top.all.create_database_schema,
    webhookUrl: top.all.webhook_url,
    registries: new Map(
      [...registries].flatMap(([name, one]) => (one === undefined ? [] : [[name, one.endpoint]]))
    ),
    watched,
    nomad,
    warnings: findings.warnings
  }
  return config
})

/**
 * Refuses a listener that others than this machine reach while nobody needs a token (X7), unless the
 * configuration says that it is meant so. Whether tokens exist is known once the database is open.
 */
export const refuseOpenListener = (
  { listen, allowUnauthenticated, places }: Config,
  tokensExist: boolean
): Effect.Effect<void, ConfigError> => {
  if (tokensExist || allowUnauthenticated || isLoopback(listen.host)) return Effect.void
  const problem = {
    place: places.listen,
    key: "server_listening_address",
    expected:
      "an address of this machine alone, such as 127.0.0.1, while no token exists" +
      " (registrywatcher token create), or allow_unauthenticated = true beside it",
    got: `${listen.host}, where anybody could deploy`
  }
  return Effect.fail(new ConfigError({ problems: [problem] }))
}
