import { Schema } from "effect"

/** Absent and null are one for what is only looked at: Nomad has either, by version and by object. */
export const orNull = <S extends Schema.Constraint>(value: S) => Schema.optionalKey(Schema.NullOr(value))
export const listOrNull = <S extends Schema.Constraint>(item: S) => orNull(Schema.Array(item))
export const recordOrNull = <S extends Schema.Constraint>(value: S) =>
  orNull(Schema.Record(Schema.String, value))
