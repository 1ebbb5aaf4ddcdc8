import { Effect } from "effect"
import type { Built } from "../../src/sim/registry/image.ts"
import { sha256 } from "../../src/sim/registry/image.ts"

/** A registry as raw HTTP, without our client: for the contract, and to push to real ones. */
export interface Wire {
  readonly origin: URL
  readonly headers?: Readonly<Record<string, string>>
}

export const ask = (
  { origin, headers }: Wire,
  method: string,
  path: string,
  more: Readonly<Record<string, string>> = {},
  body?: Buffer
) =>
  Effect.promise(async () => {
    const init = { method, headers: { ...headers, ...more }, redirect: "manual" as const }
    const response = await fetch(
      new URL(path, origin),
      body === undefined ? init : { ...init, body: new Uint8Array(body) }
    )
    return {
      status: response.status,
      headers: response.headers,
      body: Buffer.from(await response.arrayBuffer())
    }
  })

/** Uploads a blob in one piece; the answer to its last step. */
export const uploadBlob = Effect.fnUntraced(function* (wire: Wire, image: string, bytes: Buffer) {
  const begun = yield* ask(wire, "POST", `/v2/${image}/blobs/uploads/`)
  const target = new URL(begun.headers.get("location") ?? "", wire.origin)
  target.searchParams.set("digest", sha256(bytes))
  return yield* ask(
    wire,
    "PUT",
    target.pathname + target.search,
    { "content-type": "application/octet-stream" },
    bytes
  )
})

/** Pushes an image or index; `reference` is a tag or its digest. The digest that the registry answers. */
export const push = Effect.fnUntraced(function* (wire: Wire, image: string, reference: string, built: Built) {
  for (const blob of built.blobs) yield* uploadBlob(wire, image, blob)
  const type = { "content-type": built.mediaType }
  const put = yield* ask(wire, "PUT", `/v2/${image}/manifests/${reference}`, type, built.body)
  if (put.status !== 201) return yield* Effect.die(new Error(`push: ${put.status} ${put.body.toString()}`))
  return put.headers.get("docker-content-digest") ?? ""
})
