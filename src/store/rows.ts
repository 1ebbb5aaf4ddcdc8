import { Schema, String } from "effect"
import { Desired } from "../domain/Desired.ts"

/**
 * SQL for one row as a JSON object in the domain's own spelling, to be decoded by the domain's own schema: one way
 * for rows, rows within rows, 64-bit numbers and times.
 *
 * @param alias - of the table, whose columns are the fields in snake case
 * @param columns - of the fields that the table names otherwise
 */
export const rowOf = (
  { fields }: { readonly fields: Schema.Struct.Fields },
  alias: string,
  columns: Readonly<Record<string, string>> = {}
): string =>
  `jsonb_build_object(${Object.keys(fields)
    .map((field) => `'${field}', ${alias}.${columns[field] ?? String.camelToSnake(field)}`)
    .join(", ")})`

/** A row of `repository`. */
export const desiredRow = (alias: string): string => rowOf(Desired, alias, { repository: "name" })

/** Decodes what `rowOf` makes; no row at all is an error like any other. */
export const decodeRow = <T, E>(schema: Schema.Codec<T, E>) => {
  const decode = Schema.decodeUnknownEffect(Schema.toCodecJson(schema))
  return (rows: ReadonlyArray<{ readonly row?: unknown }>) => decode(rows[0]?.row)
}

export const decodeRows = <T, E>(schema: Schema.Codec<T, E>) => {
  const decode = Schema.decodeUnknownEffect(Schema.toCodecJson(Schema.Array(schema)))
  return (rows: ReadonlyArray<{ readonly row?: unknown }>) => decode(rows.map(({ row }) => row))
}

/** JSON for a `jsonb` parameter. */
export const encodeJson = <T, E>(schema: Schema.Codec<T, E>) =>
  Schema.encodeEffect(Schema.toCodecJson(schema))

/** Reads one boolean column named `yes`. */
export const isYes = (rows: ReadonlyArray<{ readonly yes?: unknown }>): boolean => rows[0]?.yes === true
