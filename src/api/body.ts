import { Schema } from "effect"

/** A body of these keys and no others: a key that is not known is refused by name, not passed over. */
export const body = <const Fields extends Schema.Struct.Fields>(fields: Fields) =>
  Schema.Struct(fields).annotate({
    messageUnexpectedKey: `not a key of this call, which knows ${Object.keys(fields).join(", ")}`
  })
