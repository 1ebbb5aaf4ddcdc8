import { Context, type Effect } from "effect"
import type { Digest } from "../domain/Digest.ts"
import type { ImageRepository } from "../domain/RegistryEndpoint.ts"
import type { Tag } from "../domain/Tag.ts"
import type { RegistryError } from "./RegistryError.ts"

/** A manifest whose body was hashed and found to be what was asked for. */
export interface Manifest {
  readonly digest: Digest
  readonly mediaType: string
}

/** The OCI registries of the config, over HTTP (distribution-spec 1.1). */
export class RegistryClient extends Context.Service<
  RegistryClient,
  {
    /**
     * Every tag, all pages in one pass or an error (S9); artifacts' tags among them. Unordered, each once.
     * `RepositoryNotFound` on 404; an empty array where the registry has the repository without tags.
     */
    tags(repository: ImageRepository): Effect.Effect<ReadonlyArray<Tag>, RegistryError>
    /** Digest that the tag points at now, by one HEAD. `TagNotFound` on 404. */
    resolve(repository: ImageRepository, tag: Tag): Effect.Effect<Digest, RegistryError>
    /** The manifest by one GET, digest computed from its bytes (S10). `NotAnImage` for anything else. */
    manifest(repository: ImageRepository, reference: Tag | Digest): Effect.Effect<Manifest, RegistryError>
  }
>()("registrywatcher/registry/RegistryClient") {}
