import { Context, Effect, Layer } from "effect"
import type { Digest } from "../domain/Digest.ts"
import type { ImageRepository, RegistryEndpoint } from "../domain/RegistryEndpoint.ts"
import { isRepositoryName } from "../domain/RepositoryName.ts"
import type { Tag } from "../domain/Tag.ts"
import { openEndpoint } from "./endpointClient.ts"
import { Malformed, RegistryError, type RegistryReason } from "./RegistryError.ts"
import { defaultLimits, type RegistryLimits } from "./RegistryLimits.ts"

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
>()("registrywatcher/registry/RegistryClient") {
  /**
   * Speaks to the registries of `registries` and their token realms, to nothing else. No call is repeated,
   * but for the one further try after a 401; each ends within the limits' deadlines, which follow real time.
   */
  static readonly layer = (
    registries: ReadonlyMap<string, RegistryEndpoint>,
    limits: Partial<RegistryLimits> = {}
  ): Layer.Layer<RegistryClient> =>
    Layer.effect(
      RegistryClient,
      Effect.gen(function* () {
        const clients = new Map<string, Effect.Success<ReturnType<typeof openEndpoint>>>()
        for (const [name, endpoint] of registries) {
          clients.set(name, yield* openEndpoint(endpoint, { ...defaultLimits, ...limits }))
        }
        const at = <A>(
          { registry, image }: ImageRepository,
          call: (
            client: Effect.Success<ReturnType<typeof openEndpoint>>,
            image: string
          ) => Effect.Effect<A, RegistryReason>
        ) => {
          const client = clients.get(registry)
          if (client === undefined) return Effect.die(new Error(`registry ${registry} is not configured`))
          // The image goes into a path: X14.
          const called = isRepositoryName(image)
            ? call(client, image)
            : Effect.fail(new Malformed({ words: "an image path outside the grammar" }))
          return Effect.mapError(called, (reason) => new RegistryError({ registry, image, reason }))
        }
        return RegistryClient.of({
          tags: (repository) => at(repository, (client, image) => client.tags(image)),
          resolve: (repository, tag) => at(repository, (client, image) => client.resolve(image, tag)),
          manifest: (repository, reference) =>
            at(repository, (client, image) => client.manifest(image, reference))
        })
      })
    )
}
