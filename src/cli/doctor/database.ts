import { Effect } from "effect"
import type { Config } from "../../config/Config.ts"
import { printPlace } from "../../config/ConfigError.ts"
import { refuseOpenListener } from "../../config/loadConfig.ts"
import type { Examined } from "../../store/examine.ts"
import type { StartError } from "../../store/StartError.ts"
import { type Finding, ok, wrong } from "./Finding.ts"

/** The database as a start would find it, and whether the listener would be refused for want of a token. */
export const examineDatabase = Effect.fn("examineDatabase")(function* (
  config: Config,
  database: Effect.Effect<Examined, StartError>
) {
  const found = yield* Effect.result(database)
  if (found._tag === "Failure")
    return [wrong("database", found.failure.message, remedyFor(config, found.failure))]
  const { where, version, toApply, tokensExist } = found.success
  const schema =
    toApply.length === 0 ? "its schema is ours" : `a start would apply the migrations ${toApply.join(", ")}`
  const findings: Array<Finding> = [
    ok("database", `Postgres ${version} at ${where}, no pooler in the leader's way; ${schema}`)
  ]
  const open = yield* Effect.result(refuseOpenListener(config, tokensExist))
  if (open._tag === "Failure") {
    const remedy = "make a token (`registrywatcher token create NAME --role admin`), or listen on 127.0.0.1"
    findings.push(wrong("listener", open.failure.message, remedy))
  }
  return findings
})

const remedyFor = ({ places, database }: Config, error: StartError): string => {
  const place = database === "embedded" ? "database_url or DATABASE_URL" : printPlace(places.database)
  switch (error._tag) {
    case "DatabaseUnreachable":
      return `is it running, and does ${place} name its host and port?`
    case "DatabaseRefused":
      return `correct user, password and database name in ${place}, or grant the role the right to connect`
    case "DatabaseTooOld":
      return "upgrade Postgres to 14 or later"
    case "PoolerFound":
      return "set leader_database_url (REGISTRYWATCHER_LEADER_DATABASE_URL) to Postgres itself"
    case "SchemaMissing":
      return "start once with create_database_schema = true and a role that may create tables"
    case "SchemaAhead":
    case "SchemaDiffers":
      return `run the release that made this schema, or name another database in ${place}`
    case "BadDatabaseUrl":
    case "EmbeddedUnavailable":
      return `name a Postgres in ${place}`
  }
}
