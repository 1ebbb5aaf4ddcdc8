import { Schema } from "effect"

/** The canaries of a deployment that waits for their promotion, as they were read. */
export const Canaries = Schema.Struct({
  /** Nomad's id of the deployment. */
  deployment: Schema.String,
  /** So many run and are healthy, of so many that Nomad wants. */
  healthy: Schema.Int,
  desired: Schema.Int,
  /** So many ended after they were healthy: Nomad replaces none of them, and refuses to promote (measured). */
  ended: Schema.Int,
  /** Another text whenever one was replaced or restarted; null unless all are healthy and run. */
  run: Schema.NullOr(Schema.String),
  /** The deployment is that of the attempt's own register, and not of a later version with the same image. */
  isOwn: Schema.Boolean
})
export type Canaries = typeof Canaries.Type
