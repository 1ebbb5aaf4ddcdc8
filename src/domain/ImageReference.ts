import { Option } from "effect"
import { type Digest, isDigest } from "./Digest.ts"
import { isTag, type Tag } from "./Tag.ts"

/**
 * An image reference taken apart by the grammar of distribution/reference v0.6 (S23), as docker reads it:
 * `docker.io` and `library/` are filled in. `name` is the text before tag and digest, as it was written.
 */
export interface ImageReference {
  readonly name: string
  /** `host[:port]`; `docker.io` where none was written. */
  readonly registry: string
  /** Path in the registry, `library/` included. */
  readonly repository: string
  readonly tag: Tag | null
  readonly digest: Digest | null
}

const component = /[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*/
const path = new RegExp(`^${component.source}(?:/${component.source})*$`)
const hostLabel = /(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])/
const domain = new RegExp(
  `^(?:${hostLabel.source}(?:\\.${hostLabel.source})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`
)
const hexOnly = /^[a-f0-9]{64}$/

/** A first component is a host if it could not be a path, or looks like one (docker's rule). */
const looksLikeHost = (text: string): boolean =>
  text === "localhost" || /[.:[]/.test(text) || text !== text.toLowerCase()

const hubAliases: ReadonlySet<string> = new Set(["index.docker.io", "registry-1.docker.io"])

/** `None` for anything the grammar does not have: never a guess, never a split on `:`. */
export const parseImageReference = (text: string): Option.Option<ImageReference> => {
  const at = text.indexOf("@")
  const digest = at === -1 ? null : text.slice(at + 1)
  if (digest !== null && !isDigest(digest)) return Option.none()
  const named = at === -1 ? text : text.slice(0, at)
  const colon = named.indexOf(":", named.lastIndexOf("/") + 1)
  // `host:5000` alone has its colon in the last component as well, but a lone component is never a host.
  const tag = colon === -1 ? null : named.slice(colon + 1)
  if (tag !== null && !isTag(tag)) return Option.none()
  const name = colon === -1 ? named : named.slice(0, colon)
  return Option.map(parseImageName(name), (parsed) => ({ ...parsed, name, tag, digest }))
}

/** The same for a name without tag and digest, such as `registry.example.com:5000/team/api`. */
export const parseImageName = (
  name: string
): Option.Option<Pick<ImageReference, "registry" | "repository">> => {
  const slash = name.indexOf("/")
  const first = slash === -1 ? "" : name.slice(0, slash)
  const hosted = slash !== -1 && looksLikeHost(first)
  const written = hosted ? name.slice(slash + 1) : name
  if (hosted && !domain.test(first)) return Option.none()
  if (!path.test(written) || hexOnly.test(name) || name.length > 255) return Option.none()
  const registry = !hosted || hubAliases.has(first) ? "docker.io" : first
  const isOfficial = registry === "docker.io" && !written.includes("/")
  return Option.some({ registry, repository: isOfficial ? `library/${written}` : written })
}

/** Inverse of `parseImageReference`: the text that was read. */
export const printImageReference = ({ name, tag, digest }: ImageReference): string =>
  `${name}${tag === null ? "" : `:${tag}`}${digest === null ? "" : `@${digest}`}`

/** True if both names are the same repository of the same registry, however docker.io is spelled. */
export const sameRepository = (
  a: Pick<ImageReference, "registry" | "repository">,
  b: Pick<ImageReference, "registry" | "repository">
): boolean => a.registry === b.registry && a.repository === b.repository
