import { createHash } from "node:crypto"
import type { Digest } from "../../domain/Digest.ts"

export const manifestType = "application/vnd.oci.image.manifest.v1+json"
export const indexType = "application/vnd.oci.image.index.v1+json"

export const sha256 = (bytes: Buffer): Digest =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}` as Digest

export interface Built {
  readonly mediaType: string
  readonly body: Buffer
  readonly blobs: ReadonlyArray<Buffer>
}

/** Two empty records end a tar: the smallest layer that a runtime unpacks. */
const layer = Buffer.alloc(1024)

/** A whole image of one platform, an empty one; equal content has an equal digest. */
export const buildImage = (content: string, architecture = "amd64"): Built => {
  const config = Buffer.from(
    JSON.stringify({
      architecture,
      os: "linux",
      config: { Labels: { content } },
      rootfs: { type: "layers", diff_ids: [sha256(layer)] }
    })
  )
  const body = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestType,
      config: descriptor("application/vnd.oci.image.config.v1+json", config),
      layers: [descriptor("application/vnd.oci.image.layer.v1.tar", layer)]
    })
  )
  return { mediaType: manifestType, body, blobs: [config, layer] }
}

/** An index over one image for each architecture. */
export const buildIndex = (images: ReadonlyArray<readonly [architecture: string, image: Built]>): Built => {
  const manifests = images.map(([architecture, image]) => ({
    ...descriptor(image.mediaType, image.body),
    platform: { architecture, os: "linux" }
  }))
  const body = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests }))
  return { mediaType: indexType, body, blobs: [] }
}

const descriptor = (mediaType: string, bytes: Buffer) => ({
  mediaType,
  digest: sha256(bytes),
  size: bytes.length
})
