import type { Digest } from "../../domain/Digest.ts"
import { sha256 } from "./image.ts"

export interface StoredManifest {
  readonly mediaType: string
  readonly body: Buffer
}

interface Repository {
  readonly manifests: Map<string, StoredManifest>
  /** In the order of their creation; overwriting keeps the place. */
  readonly tags: Map<string, Digest>
  readonly blobs: Map<string, Buffer>
  wasTagged: boolean
  /** The tags in the order of the listing, until one comes or goes. */
  listed: ReadonlyArray<string> | undefined
}

/** `name` is the ASCII order of most registries, `creation` GHCR's. */
export type ListingOrder = "name" | "creation"

/** What was pushed, in memory. */
export const makeRepositories = (order: ListingOrder) => {
  const repositories = new Map<string, Repository>()

  const opened = (image: string): Repository => {
    const known = repositories.get(image)
    if (known !== undefined) return known
    const made = {
      manifests: new Map(),
      tags: new Map(),
      blobs: new Map(),
      wasTagged: false,
      listed: undefined
    }
    repositories.set(image, made)
    return made
  }

  return {
    putBlob: (image: string, bytes: Buffer): Digest => {
      const digest = sha256(bytes)
      opened(image).blobs.set(digest, bytes)
      return digest
    },
    blob: (image: string, digest: string) => repositories.get(image)?.blobs.get(digest),
    /** `tag` null: by digest only. */
    putManifest: (image: string, tag: string | null, manifest: StoredManifest): Digest => {
      const repository = opened(image)
      const digest = sha256(manifest.body)
      repository.manifests.set(digest, manifest)
      if (tag !== null) {
        if (!repository.tags.has(tag)) repository.listed = undefined
        repository.tags.set(tag, digest)
        repository.wasTagged = true
      }
      return digest
    },
    manifest: (image: string, reference: string) => {
      const repository = repositories.get(image)
      const digest = repository?.tags.get(reference) ?? reference
      const stored = repository?.manifests.get(digest)
      return stored && { ...stored, digest }
    },
    deleteTag: (image: string, tag: string): boolean => {
      const repository = repositories.get(image)
      if (repository?.tags.delete(tag) !== true) return false
      repository.listed = undefined
      return true
    },
    /** As DELETE by digest of docker-registry: its tags go with it. */
    deleteManifest: (image: string, digest: string): boolean => {
      const repository = repositories.get(image)
      if (repository?.manifests.delete(digest) !== true) return false
      for (const [tag, at] of repository.tags) if (at === digest) repository.tags.delete(tag)
      repository.listed = undefined
      return true
    },
    /** Undefined for a repository that never had a tag. */
    tags: (image: string): ReadonlyArray<string> | undefined => {
      const repository = repositories.get(image)
      if (repository?.wasTagged !== true) return undefined
      const names = repository.listed ?? Array.from(repository.tags.keys())
      repository.listed ??= order === "name" ? names.toSorted() : names
      return repository.listed
    }
  }
}
export type Repositories = ReturnType<typeof makeRepositories>
