import { isTag } from "../../domain/Tag.ts"
import { empty, json, refuse, type Reply, type Route } from "./Reply.ts"
import type { Repositories } from "./Repositories.ts"
import type { Right, SimAuth } from "./SimAuth.ts"
import type { Uploads } from "./Uploads.ts"

/** `link` pages as the specification says, `silent` honours `n` and `last` without a `Link` (Gitea), `none` ignores both (2.8.x). */
export type Paging = "link" | "silent" | "none"

export interface Incoming {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly body: Buffer
}

export interface Distribution {
  readonly repositories: Repositories
  readonly uploads: Uploads
  readonly auth: SimAuth
  readonly paging: Paging
  /** Tags on a page at most; null is as many as are asked for, all where nothing is asked. */
  readonly pageSize: number | null
}

const image = "([a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*)*)"
const listing = new RegExp(`^/v2/${image}/tags/list$`)
const manifest = new RegExp(`^/v2/${image}/manifests/([A-Za-z0-9._:-]+)$`)
const upload = new RegExp(`^/v2/${image}/blobs/uploads/([0-9]*)$`)
const blob = new RegExp(`^/v2/${image}/blobs/(sha256:[a-f0-9]{64})$`)

const apiVersion = { "docker-distribution-api-version": "registry/2.0" }

/** The registry's `/v2/` API (distribution-spec 1.1), as docker-registry 2.8.2 answers it. */
export const distribution = (registry: Distribution, request: Incoming): readonly [Reply, Route] => {
  const { pathname } = request.url
  for (const [pattern, subject, answer] of routes) {
    const [, name, rest = ""] = pattern.exec(pathname) ?? []
    if (name === undefined) continue
    const isRead = request.method === "GET" || request.method === "HEAD"
    const refused = guarded(registry, request, { image: name, actions: isRead ? ["pull"] : ["pull", "push"] })
    const [reply, page] = refused === undefined ? answer(registry, request, name, rest) : [refused]
    return [
      { ...reply, headers: { ...apiVersion, ...reply.headers } },
      { subject, image: name, ...(page === undefined ? {} : { page }) }
    ]
  }
  if (pathname === "/v2/") {
    const reply = guarded(registry, request, undefined) ?? json(200, {})
    return [
      { ...reply, headers: { ...apiVersion, ...reply.headers } },
      { subject: "other", image: null }
    ]
  }
  const words = Buffer.from("404 page not found\n")
  const notFound = { status: 404, headers: { "content-type": "text/plain; charset=utf-8" }, body: words }
  return [notFound, { subject: "other", image: null }]
}

type Answer = (
  registry: Distribution,
  request: Incoming,
  image: string,
  rest: string
) => readonly [Reply, Route["page"]?]

const tags: Answer = ({ repositories, paging, pageSize }, { method, url }, name) => {
  if (method !== "GET") return [refuse(405, "UNSUPPORTED", "The operation is unsupported.", { allow: "GET" })]
  const all = repositories.tags(name)
  if (all === undefined) return [refuse(404, "NAME_UNKNOWN", "repository name not known to registry")]
  const page = paged(all, paging === "none" ? new URLSearchParams() : url.searchParams, pageSize)
  const next = `</v2/${name}/tags/list?last=${page.tags.at(-1)}&n=${page.size}>; rel="next"`
  return [
    json(
      200,
      { name, tags: all.length === 0 ? null : page.tags },
      paging === "link" && !page.isLast ? { link: next } : {}
    ),
    { number: page.number, isLast: page.isLast }
  ]
}

const paged = (all: ReadonlyArray<string>, query: URLSearchParams, pageSize: number | null) => {
  const asked = Number(query.get("n") ?? all.length)
  const size = Math.max(1, Math.min(Number.isInteger(asked) ? asked : all.length, pageSize ?? Infinity))
  const start = all.indexOf(query.get("last") ?? "") + 1
  const isLast = start + size >= all.length
  return { tags: all.slice(start, start + size), size, number: Math.floor(start / size) + 1, isLast }
}

const manifests: Answer = ({ repositories }, { method, headers, body }, name, reference) => {
  if (method === "PUT") {
    const mediaType = String(headers["content-type"])
    if (!isTag(reference) && !reference.startsWith("sha256:"))
      return [refuse(400, "TAG_INVALID", "manifest tag did not match URI")]
    if (!isJsonObject(body)) return [refuse(400, "MANIFEST_INVALID", "manifest invalid")]
    const tag = isTag(reference) ? reference : null
    const digest = repositories.putManifest(name, tag, { mediaType, body })
    return [empty(201, { location: `/v2/${name}/manifests/${digest}`, "docker-content-digest": digest })]
  }
  if (method === "DELETE") {
    return [
      repositories.deleteManifest(name, reference)
        ? empty(202)
        : refuse(404, "MANIFEST_UNKNOWN", "manifest unknown")
    ]
  }
  const stored = repositories.manifest(name, reference)
  // docker-registry: an OCI type that the Accept header leaves out is 404, as if the tag were gone.
  if (stored === undefined || !String(headers["accept"]).includes(stored.mediaType)) {
    return [refuse(404, "MANIFEST_UNKNOWN", "manifest unknown")]
  }
  const { mediaType, digest } = stored
  return [
    {
      status: 200,
      headers: { "content-type": mediaType, "docker-content-digest": digest, etag: `"${digest}"` },
      body: stored.body
    }
  ]
}

const blobs: Answer = ({ repositories }, _, name, digest) => {
  const bytes = repositories.blob(name, digest)
  return [
    bytes === undefined
      ? refuse(404, "BLOB_UNKNOWN", "blob unknown to registry")
      : {
          status: 200,
          headers: { "content-type": "application/octet-stream", "docker-content-digest": digest },
          body: bytes
        }
  ]
}

const blobUploads: Answer = ({ uploads }, { method, url, body }, name, id) => {
  if (method === "POST" && id === "") return [uploads.begin(name, url.searchParams, body)]
  if (method === "PATCH") return [uploads.append(name, id, body)]
  if (method === "PUT") return [uploads.complete(name, id, url.searchParams, body)]
  return [refuse(405, "UNSUPPORTED", "The operation is unsupported.")]
}

const routes: ReadonlyArray<readonly [RegExp, Route["subject"], Answer]> = [
  [listing, "tags", tags],
  [manifest, "manifests", manifests],
  [upload, "blobs", blobUploads],
  [blob, "blobs", blobs]
]

const guarded = ({ auth }: Distribution, { headers, url }: Incoming, right: Right | undefined) => {
  const { authorization } = headers
  return auth.guard(typeof authorization === "string" ? authorization : undefined, url.origin, right)
}

const isJsonObject = (body: Buffer): boolean => {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"))
    return typeof value === "object" && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}
