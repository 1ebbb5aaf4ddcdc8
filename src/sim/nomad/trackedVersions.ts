import type { Job } from "./Job.ts"

/** Versions without a tag that are kept of a job, and sources: `job_tracked_versions`. */
export const trackedVersions = 6

/** The versions of a job, newest first, with one more or one changed: a new one may push out the oldest without a tag. */
export const withVersion = (versions: ReadonlyArray<Job>, job: Job): ReadonlyArray<Job> => {
  const all = [job, ...versions.filter((each) => each.Version !== job.Version)].toSorted(
    (a, b) => b.Version - a.Version
  )
  const going = outgoing(all.filter((each) => each.VersionTag === null))
  return all.filter((each) => each !== going)
}

/** The newest stable version stays: where it would be the one to go, the version above it goes. */
const outgoing = (untagged: ReadonlyArray<Job>): Job | undefined => {
  if (untagged.length <= trackedVersions) return undefined
  const stable = untagged.findIndex((each) => each.Stable)
  return untagged[stable === trackedVersions ? trackedVersions - 1 : trackedVersions]
}
