import { Console, Effect, type Layer, Option, Runtime, Schema, Terminal } from "effect"
import { Argument, CliConfig, CliError, Command, Flag, GlobalFlag } from "effect/cli"
import type { Config } from "../config/Config.ts"
import { ConfigError } from "../config/ConfigError.ts"
import { loadConfig } from "../config/loadConfig.ts"
import { configVariable, type Environment, variable } from "../config/variables.ts"
import type { Deployer } from "../deployer/Deployer.ts"
import type { RegistryClient } from "../registry/RegistryClient.ts"
import type { Examined } from "../store/examine.ts"
import type { StartError } from "../store/StartError.ts"
import type { StateStore } from "../store/StateStore.ts"
import { StoreError } from "../store/StoreError.ts"
import type { Tokens } from "../store/Tokens.ts"
import { checkConfig } from "./checkConfig.ts"
import { doctor } from "./doctor/doctor.ts"
import { namedIn } from "./namedIn.ts"
import { plan } from "./plan.ts"
import { refuseDatabaseUrls } from "./databaseUrls.ts"
import { Failed, Refused } from "./Refused.ts"
import { createToken, listTokens, parseLifetime, revokeToken } from "./token.ts"

/** What the commands are made of; the entry says it. */
export interface Parts<E, RS, RT, RP> {
  readonly version: string
  readonly environment: Environment
  /** The service, until it is interrupted. */
  readonly serve: (config: Config) => Effect.Effect<void, E | ConfigError, RS>
  /** The tokens in the database of the configuration. */
  readonly tokens: (config: Config) => Layer.Layer<Tokens, E, RT>
  /** Everything that a decision is made of, beside a service that may be running. */
  readonly planning: (config: Config) => Layer.Layer<StateStore | RegistryClient | Deployer, E, RP>
  /** What a start would find in the database; nothing is written. */
  readonly database: (config: Config) => Effect.Effect<Examined, StartError>
  /** Registries and Nomad of the configuration, whatever the database says. */
  readonly others: (config: Config) => Layer.Layer<RegistryClient | Deployer>
  /** 78 where only another configuration or database mends it, else 1. */
  readonly exitCode: (error: E | StoreError) => number
}

// The help indents the first line of a description alone.
const description = [
  "Keeps Nomad jobs on the image tag that their owners want.",
  "",
  "A first start, in this order:",
  "  registrywatcher check-config                   is the file sound?",
  "  registrywatcher doctor                         does all that it names answer?",
  "  registrywatcher plan                           what would be deployed now?",
  "  registrywatcher token create ann --role admin  who may, beyond 127.0.0.1",
  "  registrywatcher start                          the service",
  "",
  "Exit codes:",
  "  0    done",
  "  1    failed: a check found something wrong, or it may be tried again",
  "  78   the configuration, or what it names, is refused; nothing was started",
  "  130  stopped by a signal",
  "",
  "The environment wins over the file: DATABASE_URL, NOMAD_ADDR, NOMAD_TOKEN and the",
  "other variables of Nomad's own clients, and REGISTRYWATCHER_KEY for each key of",
  "the file's first part."
].join("\n  ")

const root = Command.make("registrywatcher").pipe(
  Command.withDescription(description),
  Command.withSharedFlags({
    config: Flag.String("config").pipe(
      Flag.withMetavar("FILE"),
      Flag.withDescription(`Else what ${configVariable} names, or config/staging.toml`),
      Flag.optional
    )
  })
)

const example = (command: string, description: string) =>
  Command.withExamples([{ command: `registrywatcher ${command}`, description }])

/** Of the terminal; 0 where stdout is none. */
const columns = Effect.flatMap(Terminal.Terminal, (terminal) => terminal.columns)

const tokenName = Argument.String("NAME").pipe(
  Argument.withSchema(
    Schema.String.check(
      Schema.isPattern(/^[^\s\p{C}]{1,100}$/u, { expected: "1 to 100 characters without spaces" })
    )
  )
)

const command = <E extends { readonly message: string }, RS, RT, RP>({
  environment,
  serve,
  tokens,
  planning,
  database,
  others,
  exitCode
}: Parts<E, RS, RT, RP>) => {
  /** Prints what went wrong in its own words, without a stack. */
  const ended = Effect.catch(
    Effect.fnUntraced(function* (error: E | StoreError | ConfigError | Refused) {
      const { cause } = error instanceof StoreError ? error.reason : {}
      yield* Console.error(cause instanceof Error ? `${error.message}: ${cause.message}` : error.message)
      if (error instanceof Refused) return yield* new Failed({ exitCode: 1 })
      return yield* new Failed({ exitCode: error instanceof ConfigError ? 78 : exitCode(error) })
    })
  )
  const named = variable(environment, configVariable) ?? "config/staging.toml"
  const load = (flags: { readonly config: Option.Option<string> }) =>
    loadConfig(
      Option.getOrElse(flags.config, () => named),
      environment
    ).pipe(Effect.tap(refuseDatabaseUrls))
  const loaded = Effect.flatMap(root, load)
  const start = Effect.fnUntraced(function* (config: Config) {
    for (const warning of config.warnings) {
      yield* Effect.logWarning("configuration").pipe(Effect.annotateLogs({ warning }))
    }
    yield* serve(config)
  })
  /** Given the tokens of the configuration. */
  const withTokens = <A>(use: (config: Config) => Effect.Effect<A, StoreError | Refused, Tokens>) =>
    Effect.flatMap(loaded, (config) => use(config).pipe(Effect.provide(tokens(config)))).pipe(ended)

  const token = Command.make("token").pipe(
    Command.withDescription("API tokens: once one exists, every call needs one"),
    Command.withSubcommands([
      Command.make(
        "create",
        {
          name: tokenName,
          role: Flag.Literals("role", ["read", "operate", "admin"]).pipe(
            Flag.withDescription("read looks, operate deploys, admin changes who may")
          ),
          repositories: Flag.String("repositories").pipe(
            Flag.withMetavar("A,B"),
            Flag.withDescription("Only these; else every one"),
            Flag.map((text) => text.split(",").map((name) => name.trim())),
            Flag.optional
          ),
          expires: Flag.String("expires").pipe(
            Flag.withMetavar("90d"),
            Flag.withDescription("After minutes (m), hours (h) or days (d); else never"),
            Flag.filterMap(parseLifetime, (text) => `Expected a lifetime such as 90d or 12h, got ${text}`),
            Flag.optional
          )
        },
        ({ name, role, repositories, expires }) =>
          withTokens((config) =>
            createToken(config, { name, role, repositories: Option.getOrNull(repositories) }, expires)
          )
      ).pipe(
        Command.withDescription("Make a token; it is shown this once, alone on stdout"),
        example(
          "token create ci --role operate --repositories api,web --expires 90d",
          "0: made; 1: the name is taken"
        )
      ),
      Command.make("list", {}, () => withTokens(listTokens)).pipe(
        Command.withDescription("Every token that was made, without the token itself"),
        example("token list", "the revoked and expired ones among them")
      ),
      Command.make("revoke", { name: tokenName }, ({ name }) => withTokens(() => revokeToken(name))).pipe(
        Command.withDescription("End a token, from now on"),
        example("token revoke ci", "0: it ends; 1: there is none of this name")
      )
    ])
  )
  return root.pipe(
    Command.withHandler((flags) => load(flags).pipe(Effect.flatMap(start), ended)),
    Command.withSubcommands([
      Command.make("start", {}, () => loaded.pipe(Effect.flatMap(start), ended)).pipe(
        Command.withDescription("The service; also what runs where no command is given"),
        example("start --config /etc/registrywatcher.toml", "with another configuration")
      ),
      Command.make("check-config", {}, () => loaded.pipe(Effect.flatMap(checkConfig), ended)).pipe(
        Command.withDescription("Say everything that is wrong with the configuration, and start nothing"),
        example("check-config", "0: it is sound; 78: each problem with its file, line and key")
      ),
      Command.make(
        "doctor",
        {
          json: Flag.Boolean("json").pipe(
            Flag.withDescription("One array for programs: check, result, words, remedy"),
            Flag.withDefault(false)
          )
        },
        ({ json }) =>
          Effect.gen(function* () {
            const config = yield* loaded
            yield* doctor(config, database(config), json, yield* columns).pipe(Effect.provide(others(config)))
          }).pipe(ended)
      ).pipe(
        Command.withShortDescription("Do database, registries, jobs and rights answer to it?"),
        Command.withDescription(
          "Ask database, registries and Nomad whether each login, job, task and right is there; no table is written, but an embedded database is made in ./data"
        ),
        example("doctor", "one line a check, with what to do; 0: nothing is wrong; 1: something is")
      ),
      Command.make(
        "plan",
        {
          repositories: Argument.String("REPOSITORY").pipe(
            Argument.withDescription("Only these; none: all that are watched"),
            Argument.variadic()
          ),
          diff: Flag.Boolean("diff").pipe(
            Flag.withDescription(
              "With what Nomad says that each register would change, what waits among them"
            ),
            Flag.withDefault(false)
          ),
          json: Flag.Boolean("json").pipe(
            Flag.withDescription("One array for programs, with whole digests and a reason each"),
            Flag.withDefault(false)
          )
        },
        ({ repositories, ...options }) =>
          Effect.gen(function* () {
            const config = yield* loaded
            const named = yield* namedIn(config, repositories)
            const how = { ...options, columns: yield* columns }
            yield* plan(config, named, how).pipe(Effect.provide(planning(config)))
          }).pipe(ended)
      ).pipe(
        Command.withShortDescription("What would be deployed now, and why?"),
        Command.withDescription(
          "Say what would be deployed now, and why; nothing is registered. As start does, it makes ./data where the database is embedded, and applies migrations"
        ),
        Command.withExamples([
          {
            command: "registrywatcher plan --json",
            description: "0: all was told; 1: a registry or Nomad left one untold"
          },
          {
            command: "registrywatcher plan --diff api",
            description:
              "Nomad's own diff of what would be registered for api; exit 1 too where api is not watched"
          }
        ])
      ),
      token
    ])
  )
}

const builtIns = [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions, GlobalFlag.LogLevel]

/**
 * The whole command line. What went wrong is printed on stderr and ends as `Failed`, with the exit
 * code; so does, with the help, a call that cannot be parsed.
 */
export const run =
  <E extends { readonly message: string }, RS, RT, RP>(parts: Parts<E, RS, RT, RP>) =>
  (args: ReadonlyArray<string>) =>
    Command.runWith(command(parts), { version: parts.version })(args).pipe(
      Effect.mapError((error) =>
        CliError.isCliError(error) ? new Failed({ exitCode: Runtime.getErrorExitCode(error) }) : error
      ),
      Effect.provideService(CliConfig.CliConfig, CliConfig.make({ builtIns }))
    )
