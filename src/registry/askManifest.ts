import { Effect } from "effect"
import type { Digest } from "../domain/Digest.ts"
import type { ManifestAnswer } from "../domain/ManifestAnswer.ts"
import type { ImageRepository } from "../domain/RegistryEndpoint.ts"
import type { Tag } from "../domain/Tag.ts"
import { RegistryClient } from "./RegistryClient.ts"
import type { RegistryError } from "./RegistryError.ts"

/** The manifest by one GET; that there is none, or that it is no image, is an answer. Fails where nobody said. */
export const askManifest = (
  repository: ImageRepository,
  reference: Tag | Digest
): Effect.Effect<ManifestAnswer, RegistryError, RegistryClient> =>
  Effect.flatMap(RegistryClient, (client) => client.manifest(repository, reference)).pipe(
    Effect.map(({ digest }): ManifestAnswer => ({ _tag: "Image", digest })),
    Effect.catch((error): Effect.Effect<ManifestAnswer, RegistryError> => {
      const { reason } = error
      switch (reason._tag) {
        case "TagNotFound":
        case "RepositoryNotFound":
          return Effect.succeed({ _tag: "Gone" })
        case "NotAnImage":
          return Effect.succeed(reason)
        default:
          return Effect.fail(error)
      }
    })
  )
