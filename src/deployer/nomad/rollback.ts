import type { NomadJob } from "./NomadJob.ts"
import type { Deployment } from "./NomadRollout.ts"

/** The version that a failed deployment was rolled back to, by Nomad's words; undefined: it was not. */
export const rolledBackTo = ({ Status, StatusDescription }: Deployment): number | undefined => {
  const stable = / - rolling back to job version (\d+)$/.exec(StatusDescription)?.[1]
  return Status !== "failed" || stable === undefined ? undefined : Number(stable)
}

/**
 * The version that `version` is Nomad's own rollback to; undefined: it is no rollback. Nomad copies the stable version
 * whole, time of submission included (T9); whoever else writes a job, an operator's revert among them, gets a new one.
 * `before` is the version that it replaced: a copy of that one is none.
 */
export const rollbackOf = (
  version: NomadJob,
  before: NomadJob,
  versions: ReadonlyArray<NomadJob>
): NomadJob | undefined =>
  version.Stable === true && version.SubmitTime !== undefined && version.SubmitTime !== before.SubmitTime
    ? versions.findLast(
        (older) => older.JobModifyIndex < before.JobModifyIndex && older.SubmitTime === version.SubmitTime
      )
    : undefined
