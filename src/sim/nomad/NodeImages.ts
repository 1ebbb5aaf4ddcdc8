import { Schema } from "effect"
import { readReference } from "./imageReference.ts"
import type { Feature } from "./ServerVersion.ts"

/** An image in a registry that the simulator knows of: what `tag` of `repository` (with its host) points at from now on. */
export const PushedImage = Schema.Struct({
  repository: Schema.String,
  tag: Schema.String,
  digest: Schema.String,
  /** What each start of it writes, where no outcome says something else. */
  stdout: Schema.optionalKey(Schema.String)
})
export type PushedImage = typeof PushedImage.Type

/** What the docker driver is to do for a start. */
export type Preparation =
  /** Nothing mends it. */
  | { readonly is: "refused"; readonly words: string }
  /** The node has it. */
  | { readonly is: "local"; readonly stdout: string }
  /**
   * It is pulled under this name; `done` is to be called once that was well, and `undefined` where no registry has it.
   * `words`: what fails for good after it was pulled.
   */
  | {
      readonly is: "pull"
      readonly name: string
      readonly done: (() => string) | undefined
      readonly words?: string
    }

/**
 * Images in registries, and those that the node has pulled (`nomad-api.md` §8.1). A repository that nothing was pushed
 * to has every tag and every digest.
 */
export const makeNodeImages = (has: (feature: Feature) => boolean) => {
  const tags = new Map<string, ReadonlyMap<string, string>>()
  const contents = new Map<string, string>()
  /** On the node: the digest of each name. */
  const local = new Map<string, string>()

  const push = ({ repository, tag, digest, stdout = "" }: PushedImage): void => {
    tags.set(repository, new Map([...(tags.get(repository) ?? []), [tag, digest]]))
    contents.set(`${repository}@${digest}`, stdout)
  }
  const stdoutOf = (repository: string, digest: string): string =>
    contents.get(`${repository}@${digest}`) ?? ""

  const prepare = (configured: string, force: boolean): Preparation => {
    // Exactly this prefix, and once.
    const image = configured.replace(/^https:\/\//, "")
    if (image === "") return { is: "refused", words: "image name required for docker driver" }
    const read = readReference(image)
    if (read === undefined) {
      return {
        is: "refused",
        words: `unable to create local docker image "${image}": does not match registry specification`
      }
    }
    const { repository, tag, digest } = read
    const byDigest = digest !== "" && (has("pullsDigest") || tag === "")
    const isFloating = digest === "" && tag === "latest"
    const name = byDigest ? `${repository}@${digest}` : `${repository}:${tag}`
    const known = local.get(digest === "" ? name : `${repository}@${digest}`)
    if (known !== undefined && !force && !isFloating) {
      return { is: "local", stdout: stdoutOf(repository, known) }
    }
    const own = tags.get(repository)
    // A repository that nothing was pushed to has every digest; that of a tag is nobody's business.
    const found =
      own === undefined
        ? digest || "sha256:any"
        : byDigest
          ? contents.has(`${repository}@${digest}`)
            ? digest
            : undefined
          : own.get(tag)
    if (found === undefined) return { is: "pull", name, done: undefined }
    if (!byDigest) {
      // Clients before 1.9.7 pull by tag, then look for the digest, and do not find it where the tag has moved.
      const isMissing = digest !== "" && found !== digest
      const words = isMissing ? `Error response from daemon: No such image: ${image}` : undefined
      return {
        is: "pull",
        name,
        done: keep(repository, found, name),
        ...(words === undefined ? {} : { words })
      }
    }
    return { is: "pull", name, done: keep(repository, found) }
  }

  const keep = (repository: string, digest: string, tag?: string) => (): string => {
    if (tag !== undefined) local.set(tag, digest)
    local.set(`${repository}@${digest}`, digest)
    return stdoutOf(repository, digest)
  }

  /** As somebody who makes room on the node. */
  const prune = (): void => local.clear()

  return { push, prepare, prune }
}
export type NodeImages = ReturnType<typeof makeNodeImages>
