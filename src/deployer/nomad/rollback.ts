import type { NomadJob } from "./NomadJob.ts"
import type { Deployment } from "./NomadRollout.ts"

/** The version that a failed deployment was rolled back to, by Nomad's words; undefined: it was not. */
export const rolledBackTo = ({ Status, StatusDescription }: Deployment): number | undefined => {
  const stable = / - rolling back to job version (\d+)$/.exec(StatusDescription)?.[1]
  return Status !== "failed" || stable === undefined ? undefined : Number(stable)
}

/**
 * The version that `version`, which replaced `before`, is Nomad's own rollback to; undefined: it is no rollback. Nomad
 * copies the stable version whole, time of submission included (T9; also where it swallows a register, measured);
 * whoever else writes a job, an operator's revert among them, gets a new one.
 */
export const rollbackOf = (
  version: NomadJob,
  before: NomadJob,
  versions: ReadonlyArray<NomadJob>
): NomadJob | undefined =>
  version.SubmitTime === undefined
    ? undefined
    : versions.findLast(
        (older) => older.JobModifyIndex < before.JobModifyIndex && older.SubmitTime === version.SubmitTime
      )
