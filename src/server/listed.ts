import { isArtifact, isCommitHash } from "../decide/Ballot.ts"
import { compareVersions, parseVersion, type Version } from "../decide/version.ts"
import type { Tag } from "../domain/Tag.ts"

// So many that nobody misses one, and an answer for a repository that keeps every build stays readable.
const most = 1000

/** The tags that people choose from: no artifacts, no commit hashes; ascending by the policy, the highest 1,000. */
export const listed = (tags: ReadonlyArray<Tag>): ReadonlyArray<Tag> =>
  tags
    .filter((tag) => !isArtifact(tag) && !isCommitHash(tag))
    .map((tag) => ({ tag, version: parseVersion(tag) }))
    .toSorted(ascending)
    .slice(-most)
    .map(({ tag }) => tag)

interface Entry {
  readonly tag: Tag
  readonly version: Version | null
}

/** What is no version comes first; where the policy sees no difference, the text decides. */
const ascending = (a: Entry, b: Entry): number => {
  if (a.version !== null && b.version !== null) {
    return (
      compareVersions(a.version, b.version) ||
      Number(b.version.isPrerelease) - Number(a.version.isPrerelease) ||
      (a.tag < b.tag ? -1 : 1)
    )
  }
  if (a.version === null && b.version === null) return a.tag < b.tag ? -1 : 1
  return a.version === null ? -1 : 1
}
