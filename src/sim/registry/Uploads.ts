import { sha256 } from "./image.ts"
import { empty, refuse, type Reply } from "./Reply.ts"
import type { Repositories } from "./Repositories.ts"

/** Blob uploads (distribution-spec, "Pushing blobs"): monolithic, chunked, and mounts. */
export const makeUploads = (repositories: Repositories) => {
  const sessions = new Map<string, Buffer>()
  let opened = 0

  const finish = (image: string, digest: string, bytes: Buffer): Reply => {
    if (sha256(bytes) !== digest) {
      return refuse(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
    }
    repositories.putBlob(image, bytes)
    return empty(201, { location: `/v2/${image}/blobs/${digest}`, "docker-content-digest": digest })
  }
  return {
    begin: (image: string, query: URLSearchParams, body: Buffer): Reply => {
      const digest = query.get("digest")
      if (digest !== null) return finish(image, digest, body)
      const mounted = repositories.blob(query.get("from") ?? "", query.get("mount") ?? "")
      if (mounted !== undefined) return finish(image, sha256(mounted), mounted)
      const id = String(++opened)
      sessions.set(id, Buffer.alloc(0))
      return progress(image, id, Buffer.alloc(0))
    },
    append: (image: string, id: string, body: Buffer): Reply => {
      const before = sessions.get(id)
      if (before === undefined) return refuse(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
      const bytes = Buffer.concat([before, body])
      sessions.set(id, bytes)
      return progress(image, id, bytes)
    },
    complete: (image: string, id: string, query: URLSearchParams, body: Buffer): Reply => {
      const before = sessions.get(id)
      if (before === undefined) return refuse(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
      sessions.delete(id)
      return finish(image, query.get("digest") ?? "", Buffer.concat([before, body]))
    }
  }
}
export type Uploads = ReturnType<typeof makeUploads>

const progress = (image: string, id: string, bytes: Buffer): Reply =>
  empty(202, {
    location: `/v2/${image}/blobs/uploads/${id}`,
    "docker-upload-uuid": id,
    range: `0-${Math.max(0, bytes.length - 1)}`
  })
