import { Clock, Context, Effect, Layer } from "effect"
import type { Digest } from "../domain/Digest.ts"
import { makeControl } from "./registry/control.ts"
import { distribution, type Paging } from "./registry/distribution.ts"
import type { Fault } from "./registry/Fault.ts"
import { makeFaults } from "./registry/faults.ts"
import { type Built, buildImage, buildIndex } from "./registry/image.ts"
import { makeRepositories, type ListingOrder } from "./registry/Repositories.ts"
import { type LoggedRequest, makeRequestLog } from "./registry/RequestLog.ts"
import { serve } from "./registry/serve.ts"
import { type AuthMode, makeSimAuth } from "./registry/SimAuth.ts"
import { makeUploads } from "./registry/Uploads.ts"

export interface RegistrySimulatorOptions {
  /** 127.0.0.1 unless said. */
  readonly host?: string
  /** 0, unless said: a free one. */
  readonly port?: number
  /** `none` unless said. */
  readonly auth?: AuthMode
  /** `link` unless said. */
  readonly paging?: Paging
  /** Tags on a page at most; as many as are asked for, unless said. */
  readonly pageSize?: number
  /** `name` unless said. */
  readonly order?: ListingOrder
}

/**
 * A registry in memory that speaks real HTTP: what `RegistryClient` reads and what docker, skopeo and podman
 * push. Time is the `Clock` of the layer. Over HTTP, `/_sim/…` pushes, sets faults and shows the requests.
 */
export class RegistrySimulator extends Context.Service<
  RegistrySimulator,
  {
    readonly origin: URL
    /** An image whose digest is that of its content, the tag's name unless said; a tag there is overwritten. */
    push(image: string, tag: string, content?: string): Effect.Effect<Digest>
    /** An index over two platforms' images. */
    pushIndex(image: string, tag: string, content?: string): Effect.Effect<Digest>
    /** Any bytes as a manifest of any type. */
    pushManifest(image: string, tag: string, mediaType: string, body: string): Effect.Effect<Digest>
    /** False if there was none. */
    deleteTag(image: string, tag: string): Effect.Effect<boolean>
    fault(fault: Fault): Effect.Effect<void>
    readonly clearFaults: Effect.Effect<void>
    /** Every token given out so far is refused from now on. */
    readonly revokeTokens: Effect.Effect<void>
    readonly requests: Effect.Effect<ReadonlyArray<LoggedRequest>>
    /** Requests of each repository since `clearRequests`, pushes included. */
    readonly requestCounts: Effect.Effect<ReadonlyMap<string, number>>
    readonly clearRequests: Effect.Effect<void>
  }
>()("registrywatcher/sim/RegistrySimulator") {
  static readonly layer = (options: RegistrySimulatorOptions = {}): Layer.Layer<RegistrySimulator> =>
    Layer.effect(
      RegistrySimulator,
      Effect.gen(function* () {
        const clock = yield* Clock.Clock
        const nowMs = () => clock.currentTimeMillisUnsafe()
        const repositories = makeRepositories(options.order ?? "name")
        const auth = makeSimAuth(options.auth ?? { scheme: "none" }, nowMs)
        const faults = makeFaults()
        const log = makeRequestLog()
        const registry = {
          repositories,
          uploads: makeUploads(repositories),
          auth,
          paging: options.paging ?? "link",
          pageSize: options.pageSize ?? null
        }
        const put = (image: string, tag: string | null, { mediaType, body, blobs }: Built): Digest => {
          for (const blob of blobs) repositories.putBlob(image, blob)
          return repositories.putManifest(image, tag, { mediaType, body })
        }
        const push = (image: string, tag: string, content = tag) => put(image, tag, buildImage(content))
        const control = makeControl({ push, auth, faults, log })
        const origin = yield* serve({
          host: options.host ?? "127.0.0.1",
          port: options.port ?? 0,
          nowMs,
          faults,
          log,
          answer: (request) => control(request) ?? distribution(registry, request)
        })
        return RegistrySimulator.of({
          origin,
          push: (image, tag, content) => Effect.sync(() => push(image, tag, content)),
          pushIndex: (image, tag, content = tag) =>
            Effect.sync(() => {
              const images = ["amd64", "arm64"].map((name) => [name, buildImage(content, name)] as const)
              for (const [, built] of images) put(image, null, built)
              return put(image, tag, buildIndex(images))
            }),
          pushManifest: (image, tag, mediaType, body) =>
            Effect.sync(() => put(image, tag, { mediaType, body: Buffer.from(body), blobs: [] })),
          deleteTag: (image, tag) => Effect.sync(() => repositories.deleteTag(image, tag)),
          fault: (fault) => Effect.sync(() => faults.add(fault)),
          clearFaults: Effect.sync(faults.clear),
          revokeTokens: Effect.sync(auth.revoke),
          requests: Effect.sync(log.entries),
          requestCounts: Effect.sync(log.counts),
          clearRequests: Effect.sync(log.clear)
        })
      })
    )
}
