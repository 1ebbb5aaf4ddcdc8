import type { Tag } from "../domain/Tag.ts"
import type { Verdict, VerdictName } from "../domain/Verdict.ts"
import { compareVersions, parseVersion, type Shape, type Version } from "./version.ts"

// cosign's `sha256-<hex>.sig` and `.att`, and the fallback index of referrers, `sha256-<hex>` (OCI 1.1).
const artifact = /^[a-z0-9]+-[a-f0-9]{32,}(?:\.[a-z0-9]+)?$/

/** True for tags that are never images: signatures, attestations, referrers. */
export const isArtifact = (tag: Tag): boolean => artifact.test(tag)

/** True for tags that look like a commit's hash, whole or cut. */
export const isCommitHash = (tag: Tag): boolean => /^[a-f0-9]{7,40}$/.test(tag) && /[a-f]/.test(tag)

/** The versions of one shape in no order, and the highest of them. The others are tags: there may be 100,000. */
interface Candidates {
  tags: Array<Tag>
  highest: Version
}

/**
 * The tags of one repository, with a running maximum of every shape: electing among 100,000
 * tags after one more was pushed parses that one tag and compares it once (`test/bench/elect.ts`).
 */
export class Ballot {
  readonly #tags = new Set<Tag>()
  readonly #shapes = new Map<Shape, Candidates>()

  constructor(tags: Iterable<Tag> = []) {
    for (const tag of tags) this.add(tag)
  }

  get tags(): ReadonlySet<Tag> {
    return this.#tags
  }

  /** Makes the ballot hold exactly these tags; those that it has already are not parsed again. */
  update(tags: ReadonlyArray<Tag>): void {
    for (const tag of tags) this.add(tag)
    if (this.#tags.size === tags.length) return
    const listed = new Set(tags)
    for (const tag of this.#tags) if (!listed.has(tag)) this.#tags.delete(tag)
    for (const [shape, candidates] of this.#shapes) {
      const kept = candidates.tags.filter((tag) => listed.has(tag))
      const highest = highestOf(kept, new Set())
      if (highest === null) this.#shapes.delete(shape)
      else this.#shapes.set(shape, { tags: kept, highest })
    }
  }

  add(tag: Tag): void {
    const before = this.#tags.size
    if (this.#tags.add(tag).size === before) return
    const version = parseVersion(tag)
    if (version === null || (version.suffix !== "" && isArtifact(tag))) return
    const candidates = this.#shapes.get(version.shape)
    if (candidates === undefined) {
      this.#shapes.set(version.shape, { tags: [tag], highest: version })
      return
    }
    candidates.tags.push(tag)
    if (compareVersions(version, candidates.highest) > 0) candidates.highest = version
  }

  /** The highest released version of a shape, passing over `excluded`; of any shape where it is null. */
  highest(shape: Shape | null, excluded: ReadonlySet<Tag>): Version | null {
    if (shape !== null) return highestCandidate(this.#shapes.get(shape), excluded)
    let found: Version | null = null
    for (const candidates of this.#shapes.values()) {
      const version = highestCandidate(candidates, excluded)
      if (version === null || version.suffix !== "") continue
      // 20240101 and 1.2 are versions as well, yet nobody means them where 1.2.3 stands beside.
      if (found === null || version.parts > found.parts) found = version
      else if (version.parts === found.parts && compareVersions(version, found) > 0) found = version
    }
    return found
  }

  /** Why each tag is or is not elected, the tags of `excluded` as `quarantined`. Costs a pass over all tags. */
  verdicts(elected: Tag | null, shape: Shape | null, excluded: ReadonlySet<Tag>): ReadonlyArray<Verdict> {
    return Array.from(this.#tags, (tag) => ({ tag, verdict: verdictOf(tag, elected, shape, excluded) }))
  }
}

const highestCandidate = (candidates: Candidates | undefined, excluded: ReadonlySet<Tag>): Version | null => {
  if (candidates === undefined || candidates.highest.isPrerelease) return null
  const { tags, highest } = candidates
  return excluded.has(highest.tag) ? highestOf(tags, excluded) : highest
}

const highestOf = (tags: ReadonlyArray<Tag>, excluded: ReadonlySet<Tag>): Version | null => {
  let highest: Version | null = null
  for (const tag of tags) {
    const version = excluded.has(tag) ? null : parseVersion(tag)
    if (version === null) continue
    if (highest === null || compareVersions(version, highest) > 0) highest = version
  }
  return highest
}

const verdictOf = (
  tag: Tag,
  elected: Tag | null,
  shape: Shape | null,
  excluded: ReadonlySet<Tag>
): VerdictName => {
  if (tag === elected) return "elected"
  if (excluded.has(tag)) return "quarantined"
  if (isArtifact(tag)) return "artifact"
  const version = parseVersion(tag)
  if (version === null) return "not_a_version"
  if (version.isPrerelease) return "prerelease"
  return shape !== null && version.shape !== shape ? "other_shape" : "older"
}
