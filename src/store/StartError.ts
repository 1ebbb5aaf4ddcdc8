import { Schema } from "effect"

/** `database_url` or `DATABASE_URL` can not be read. The message never holds the password. */
export class BadDatabaseUrl extends Schema.TaggedError<BadDatabaseUrl>()("BadDatabaseUrl", {
  problem: Schema.String
}) {
  override readonly message = `the database URL can not be used: ${this.problem}`
}
/** Nobody answers there, or not in time; or a standby does that takes no writes. The only one that waiting may mend. */
export class DatabaseUnreachable extends Schema.TaggedError<DatabaseUnreachable>()("DatabaseUnreachable", {
  where: Schema.String,
  words: Schema.String
}) {
  override readonly message = `Postgres at ${this.where} can not be reached: ${this.words}`
}
/** User, password, right or database are refused. */
export class DatabaseRefused extends Schema.TaggedError<DatabaseRefused>()("DatabaseRefused", {
  where: Schema.String,
  words: Schema.String
}) {
  override readonly message = `Postgres at ${this.where} refuses: ${this.words}`
}
/** `idle_session_timeout`, on which the leader's lock rests, came with 14. */
export class DatabaseTooOld extends Schema.TaggedError<DatabaseTooOld>()("DatabaseTooOld", {
  version: Schema.String
}) {
  override readonly message = `Postgres is version ${this.version}, and 14 or later is needed`
}
/** Statements of one connection end up in several sessions, so that a session's lock means nothing. */
export class PoolerFound extends Schema.TaggedError<PoolerFound>()("PoolerFound", {
  where: Schema.String,
  words: Schema.String
}) {
  override readonly message =
    `a connection pooler answers at ${this.where} (${this.words}): ` +
    `set leader_database_url to an address of Postgres itself`
}
/** `create_database_schema = false`, or no right to create, and something is missing. */
export class SchemaMissing extends Schema.TaggedError<SchemaMissing>()("SchemaMissing", {
  missing: Schema.Array(Schema.String),
  words: Schema.String
}) {
  override readonly message = `the database lacks the migrations ${this.missing.join(", ")}: ${this.words}`
}
/** A newer release has changed the schema so that this one can not work with it. */
export class SchemaAhead extends Schema.TaggedError<SchemaAhead>()("SchemaAhead", {
  further: Schema.Array(Schema.String)
}) {
  override readonly message =
    `the database was migrated by a newer release, and this one can not read what ` +
    `${this.further.join(", ")} left: run the newer release, or restore a backup from before`
}
/** Under our names stands something else. */
export class SchemaDiffers extends Schema.TaggedError<SchemaDiffers>()("SchemaDiffers", {
  applied: Schema.String,
  ours: Schema.String
}) {
  override readonly message =
    `the database has the migration ${this.applied} where this release has ${this.ours}: ` +
    `it was not migrated by a release of registrywatcher`
}
/** The embedded Postgres can not run here. */
export class EmbeddedUnavailable extends Schema.TaggedError<EmbeddedUnavailable>()("EmbeddedUnavailable", {
  words: Schema.String
}) {
  override readonly message = `the embedded Postgres can not run: ${this.words}; set database_url or DATABASE_URL`
}

/** Why the store does not start: one sentence in `message`. */
export type StartError =
  | BadDatabaseUrl
  | DatabaseUnreachable
  | DatabaseRefused
  | DatabaseTooOld
  | PoolerFound
  | SchemaMissing
  | SchemaAhead
  | SchemaDiffers
  | EmbeddedUnavailable

/** False: exit 78, for only a change of configuration or database mends it. */
export const mayMendItself = (error: StartError): boolean => error._tag === "DatabaseUnreachable"
