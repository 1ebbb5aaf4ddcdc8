import { Schema } from "effect"
import { Digest } from "./Digest.ts"
import { Tag } from "./Tag.ts"

/** What of a listing makes it `suspect` (S9). */
export const Suspicion = Schema.Literals(["empty", "not_found", "running_tag_gone", "many_tags_gone"])
export type Suspicion = typeof Suspicion.Type

/** A listing that is not believed, in facts for people (S9). */
export const Doubt = Schema.Struct({
  suspicion: Suspicion,
  /** How many tags the registry listed, and how many of the last good view it did not. */
  listed: Schema.Int,
  lost: Schema.Int,
  /** Some of the lost ones, ten at most, the highest in their order first. */
  sample: Schema.Array(Tag),
  /** Those of the lost that the job has. */
  running: Schema.Array(Tag),
  /** Since when the registry has given this very listing, by Postgres's clock. */
  since: Schema.Date
})
export type Doubt = typeof Doubt.Type

/** So many lost tags are named; the rest is a number. */
const sampleSize = 10
const inNumbers = new Intl.Collator("en", { numeric: true })
const higherFirst = (a: Tag, b: Tag): number => inNumbers.compare(b, a)

/** What a listing lacks of the last good one; `running`: the tags that the job has. */
export const lostFrom = (
  before: ReadonlySet<Tag>,
  listed: ReadonlySet<Tag>,
  running: ReadonlyArray<Tag>
): Omit<Doubt, "suspicion" | "since"> => {
  const lost = [...before].filter((tag) => !listed.has(tag))
  return {
    listed: listed.size,
    lost: lost.length,
    sample: lost.toSorted(higherFirst).slice(0, sampleSize),
    running: running.filter((tag) => before.has(tag) && !listed.has(tag))
  }
}

/** One complete answer of a registry about a repository, kept until a better one comes. */
export interface View {
  /** Null where only a pin's digest was ever asked for. */
  readonly tags: ReadonlyArray<Tag> | null
  /** Digests of the tags that matter; a tag listed without one was never looked at. */
  readonly digests: ReadonlyMap<Tag, Digest>
  readonly takenAt: Date
  readonly suspect: Suspicion | null
  /** What is behind `suspect`. */
  readonly doubt?: Doubt | null
  /** Pinned or asked-for tags that the registry said it has not. */
  readonly gone: ReadonlySet<Tag>
}

/** The view with what the registry said of one tag: its digest, or null, that it has none. */
export const withDigest = (view: View | null, tag: Tag, digest: Digest | null, takenAt: Date): View => {
  const { tags, ...rest } = view ?? {
    tags: null,
    digests: new Map(),
    takenAt,
    suspect: null,
    gone: new Set()
  }
  const digests = new Map(rest.digests)
  const gone = new Set(rest.gone)
  if (digest === null) {
    digests.delete(tag)
    gone.add(tag)
  } else {
    digests.set(tag, digest)
    gone.delete(tag)
  }
  const left = digest === null ? (tags?.filter((listed) => listed !== tag) ?? null) : tags
  return { ...rest, digests, gone, tags: left }
}

/** A tag's row: when it was first seen, its last digest, and when it left the listing. */
export const TagRow = Schema.Struct({
  tag: Tag,
  firstSeen: Schema.Date,
  goneAt: Schema.NullOr(Schema.Date),
  digest: Schema.NullOr(Digest),
  digestAt: Schema.NullOr(Schema.Date)
})
export type TagRow = typeof TagRow.Type
