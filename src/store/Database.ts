import { PgClient, PgConnection } from "@effect/sql-pg"
import { Context, Duration, Effect, Layer, type Redacted, type Scope } from "effect"
import { Reactivity } from "effect/reactivity"
import type { SqlError } from "effect/sql/SqlError"
import { type DatabaseAddress, parseDatabaseUrl } from "./DatabaseUrl.ts"
import { refusePooler } from "./refusePooler.ts"
import { DatabaseRefused, DatabaseTooOld, DatabaseUnreachable, type StartError } from "./StartError.ts"
import { callDeadline, sqlState, wordsOf } from "./storeCall.ts"

/** Beside the lock's session: a standby holds three connections at most (`design.md` §7). */
const poolSize = 2
const oldestVersion = 140_000

/** One Postgres: a small pool for statements, and sessions that are somebody's own. */
export class Database extends Context.Service<
  Database,
  {
    /** Never through the pool's address where `leader_database_url` is given: that pool may be a pooler. */
    readonly session: (
      settings: Readonly<Record<string, string>>
    ) => Effect.Effect<PgConnection.PgConnection, SqlError, Scope.Scope>
    readonly pool: PgClient.PgClient
    /** Where `session` leads to, for messages. */
    readonly where: string
  }
>()("registrywatcher/store/Database") {
  /** Connects once to see that it can be used; fails with the reason why not. */
  static readonly layerUrl = (url: Redacted.Redacted, leaderUrl?: Redacted.Redacted) =>
    Layer.effect(
      Database,
      Effect.gen(function* () {
        const address = yield* Effect.fromResult(parseDatabaseUrl(url))
        return yield* leaderUrl === undefined
          ? open(address)
          : open(address, yield* Effect.fromResult(parseDatabaseUrl(leaderUrl)))
      })
    )

  static readonly layerAddress = (address: DatabaseAddress) => Layer.effect(Database, open(address))
}

/** Of an error while starting. */
export const toStartError =
  (where: string) =>
  (error: SqlError): StartError => {
    const state = sqlState(error) ?? ""
    const words = wordsOf(error)
    // 28: authorization, 3D: no such database, 42501: no right to connect.
    return state.startsWith("28") || state === "3D000" || state === "42501"
      ? new DatabaseRefused({ where, words })
      : new DatabaseUnreachable({ where, words })
  }

interface Server {
  readonly version: number
  readonly name: string
  readonly standby: boolean
}

/** The first transport that the server takes, by one connection that is closed again. */
const connectable = Effect.fnUntraced(function* ({ where, connection, transports }: DatabaseAddress) {
  const tryOne = Effect.fnUntraced(
    function* (ssl: DatabaseAddress["transports"][number]) {
      const config = { ...connection, ssl }
      const session = yield* PgConnection.make(config)
      const { rows } = yield* session.query(
        `select current_setting('server_version_num')::int as version, current_setting('server_version') as name,
          pg_is_in_recovery() as standby`,
        [],
        false
      )
      return { config, server: rows[0] as unknown as Server }
    },
    Effect.scoped,
    Effect.mapError(toStartError(where))
  )
  const { config, server } = yield* Effect.firstSuccessOf(transports.map(tryOne))
  if (server.version < oldestVersion) return yield* new DatabaseTooOld({ version: server.name })
  // A standby answers reads that are old (S24) and takes no write.
  if (server.standby)
    return yield* new DatabaseUnreachable({ where, words: "it is a standby, not the primary" })
  return config
})

const open = Effect.fnUntraced(function* (address: DatabaseAddress, direct?: DatabaseAddress) {
  const config = yield* connectable(address)
  const sessionConfig = direct === undefined ? config : yield* connectable(direct)
  const pool = yield* PgClient.make({
    ...config,
    maxConnections: poolSize,
    // A pooler knows neither our settings nor statements that are prepared by name.
    ...(direct === undefined
      ? {
          startupParameters: {
            statement_timeout: String(Duration.toMillis(callDeadline)),
            idle_in_transaction_session_timeout: "10s"
          }
        }
      : { prepare: false })
  }).pipe(Effect.provide(Reactivity.layer), Effect.mapError(toStartError(address.where)))
  const database = Database.of({
    pool,
    session: (settings) => PgConnection.make({ ...sessionConfig, startupParameters: settings }),
    where: (direct ?? address).where
  })
  yield* refusePooler(database, toStartError(database.where))
  return database
})
