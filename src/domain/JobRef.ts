import { Schema } from "effect"

/**
 * One Nomad job. `region` is `""` where the agent's own is meant. Passes and open attempts are
 * serialised by this key: check-and-set, deployment and auto-revert are per job in Nomad.
 */
export const JobRef = Schema.Struct({
  region: Schema.String,
  namespace: Schema.String,
  job: Schema.String
})
export type JobRef = typeof JobRef.Type

/** Equal for equal jobs; for maps and log lines, never to be parsed. */
export const jobKey = ({ region, namespace, job }: JobRef): string => JSON.stringify([region, namespace, job])

/** Likewise for what one region says of one namespace: a listing, a stream, a back-off. */
export const scopeKey = ({ region, namespace }: Omit<JobRef, "job">): string =>
  JSON.stringify([region, namespace])
