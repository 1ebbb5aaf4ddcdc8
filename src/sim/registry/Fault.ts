import { Schema } from "effect"

/** What a request is about, as faults and the log name it. */
export const Subject = Schema.Literals(["tags", "manifests", "blobs", "token", "other"])
export type Subject = typeof Subject.Type

/**
 * Something that goes wrong with reads (GET and HEAD) that match every key given of `image`, `on`, `method`
 * and `page`. Of several that match one request the newest counts.
 */
export const Fault = Schema.Struct({
  image: Schema.optionalKey(Schema.String),
  on: Schema.optionalKey(Subject),
  method: Schema.optionalKey(Schema.Literals(["GET", "HEAD"])),
  /** Of a listing: counted from 1, or `last`. */
  page: Schema.optionalKey(Schema.Union([Schema.Int, Schema.Literal("last")])),
  /** How many requests it hits; left out, all until it is cleared. */
  times: Schema.optionalKey(Schema.Int),
  /** Milliseconds of the simulator's clock before the answer. */
  delay: Schema.optionalKey(Schema.Int),
  /** Answers with this status and no body of its own, unless `body` says one. */
  status: Schema.optionalKey(Schema.Int),
  /** Set, or with null taken away. */
  headers: Schema.optionalKey(Schema.Record(Schema.String, Schema.NullOr(Schema.String))),
  body: Schema.optionalKey(Schema.String),
  /** Closes the connection without a word. */
  drop: Schema.optionalKey(Schema.Boolean),
  /** Announces the whole body, sends half and closes. */
  truncate: Schema.optionalKey(Schema.Boolean)
})
export type Fault = typeof Fault.Type
