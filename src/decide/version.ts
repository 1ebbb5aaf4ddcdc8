import semver from "semver"
import type { Tag } from "../domain/Tag.ts"

/**
 * What two tags must share to be compared: the letter `v`, the number of parts, and the text behind the first `-`
 * (`1.2.3-alpine` and `1.2.4-alpine`). One text for one shape.
 */
export type Shape = string

/** A tag that the semver policy can order. */
export interface Version {
  readonly tag: Tag
  readonly shape: Shape
  readonly parts: number
  readonly isPrerelease: boolean
  readonly suffix: string
  readonly major: number
  readonly minor: number
  readonly patch: number
}

// What says "not released yet" rather than "built on alpine"; whole words only: `next` is one, `nextcloud` is not.
const unreleased =
  /^(?:alpha|beta|rc|pre|preview|dev|develop|snapshot|canary|nightly|next|edge|milestone|ea|m|a|b)?\d*(?:[._-].*)?$/i

// What semver does not read: fewer parts than three, and suffixes such as `-alpine_3` or `-01`.
const loose = /^(v?)([0-9]+)(?:\.([0-9]+)(?:\.([0-9]+))?)?(?:-(.+))?$/
// One string each, not one a tag: among 100,000 tags the joining is what costs.
const plainShapes = {
  v: { 1: "v|1|", 2: "v|2|", 3: "v|3|" },
  bare: { 1: "|1|", 2: "|2|", 3: "|3|" }
} as const

/**
 * `null` for a tag that is no version: `latest`, `1.2.3.4`, `01.2.3`. Missing parts count as zero: `1.2` is ordered as
 * `1.2.0`, though never against a tag of three parts.
 */
export const parseVersion = (tag: Tag): Version | null => {
  const strict = semver.parse(tag)
  if (strict !== null) {
    const suffix = strict.prerelease.length === 0 ? "" : tag.slice(tag.indexOf("-") + 1)
    return version(tag, 3, suffix, strict)
  }
  const match = loose.exec(tag)
  if (match === null) return null
  const [, , first, second, third, suffix = ""] = match
  const padded = semver.parse(`${first}.${second ?? 0}.${third ?? 0}`)
  if (padded === null) return null
  return version(tag, second === undefined ? 1 : third === undefined ? 2 : 3, suffix, padded)
}

const version = (
  tag: Tag,
  parts: 1 | 2 | 3,
  suffix: string,
  { major, minor, patch }: semver.SemVer
): Version => {
  const plain = tag.startsWith("v") ? plainShapes.v[parts] : plainShapes.bare[parts]
  return {
    tag,
    shape: suffix === "" ? plain : `${plain}${suffix}`,
    parts,
    isPrerelease: suffix !== "" && unreleased.test(suffix),
    suffix,
    major,
    minor,
    patch
  }
}

/** Semver's order of two released versions. */
export const compareVersions = (a: Version, b: Version): number =>
  a.major - b.major || a.minor - b.minor || a.patch - b.patch

/** False where either is no version: there is no order then. */
export const isHigher = (tag: Tag, other: Tag): boolean => {
  const [a, b] = [parseVersion(tag), parseVersion(other)]
  return a !== null && b !== null && compareVersions(a, b) > 0
}
