import type { AttemptId } from "../../domain/Attempt.ts"
import type { Settled } from "../Deployer.ts"
import { markerOf } from "./findTasks.ts"
import type { NomadJob } from "./NomadJob.ts"

const carries = (job: NomadJob, marker: AttemptId): boolean =>
  (job.TaskGroups ?? []).some((group) => (group.Tasks ?? []).some((task) => markerOf(task) === marker))

/**
 * Where the register of an attempt is found in the versions of its job (S6); none: the job is gone. Versions are
 * compared by index, which a purge does not reset. Of several with the marker the lowest counts: after an
 * auto-revert the copy of an older version carries that one's again.
 */
export const settleByMarker = (
  attempt: { readonly id: AttemptId; readonly baseIndex: number; readonly baseVersion: number },
  versions: ReadonlyArray<NomadJob>
): Settled => {
  const byIndex = versions.toSorted((a, b) => a.JobModifyIndex - b.JobModifyIndex)
  const newest = byIndex.at(-1)
  if (newest === undefined) return { _tag: "Moved", words: "the job is gone" }
  if (newest.CreateIndex > attempt.baseIndex)
    return { _tag: "Moved", words: "the job was purged and made again" }
  const above = byIndex.filter((version) => version.JobModifyIndex > attempt.baseIndex)
  const ours = above.find((version) => carries(version, attempt.id))
  if (ours !== undefined)
    return { _tag: "Accepted", nomadIndex: ours.JobModifyIndex, nomadVersion: ours.Version }
  if (newest.JobModifyIndex === attempt.baseIndex) return { _tag: "Absent" }
  if (newest.JobModifyIndex < attempt.baseIndex)
    return { _tag: "Moved", words: `the job went back to index ${newest.JobModifyIndex}: Nomad was restored` }
  // An old version that somebody called stable becomes the job, and what is written next takes its successors' numbers
  // and their places (T20), which may have been ours.
  if (above.some(({ Version }) => Version === attempt.baseVersion))
    return {
      _tag: "OutOfReach",
      words: "the job's versions were written anew since an old one was made stable"
    }
  // Nomad keeps the newest six and may keep an old stable one below a gap; only an unbroken row proves anything.
  const kept = new Set(above.map((version) => version.Version))
  for (let version = attempt.baseVersion + 1; version <= newest.Version; version++)
    if (!kept.has(version))
      return {
        _tag: "OutOfReach",
        words: `Nomad no longer has version ${version} of the job, so it can not be told whether the register was taken`
      }
  return { _tag: "Moved", words: `somebody else wrote version ${newest.Version} of the job` }
}
