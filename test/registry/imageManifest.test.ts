import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { imageMediaType } from "../../src/registry/imageManifest.ts"
import { fixture } from "./fixture.ts"

const vectors = fixture("artifact-classification") as ReadonlyArray<{
  readonly name: string
  readonly manifest: { readonly mediaType: string }
  readonly kind: string
}>
const { index } = fixture("index-platform-selection") as {
  readonly index: { readonly manifests: ReadonlyArray<object> }
}

const oci = "application/vnd.oci.image.manifest.v1+json"
const ociIndex = "application/vnd.oci.image.index.v1+json"
const config = { mediaType: "application/vnd.oci.image.config.v1+json" }
const layers = [{ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip" }]
const attestation = index.manifests.filter((entry) => "annotations" in entry)

const outcome = (contentType: string | undefined, manifest: unknown) =>
  Result.match(imageMediaType(contentType, JSON.stringify(manifest)), {
    onFailure: ({ _tag }) => _tag,
    onSuccess: (type) => type
  })

describe("imageMediaType", () => {
  it.each(vectors.map((vector) => [vector.name, vector] as const))("S10: knows %s", (_, { manifest, kind }) =>
    assert.strictEqual(
      outcome(manifest.mediaType, manifest),
      kind === "image" ? manifest.mediaType : "NotAnImage"
    )
  )

  it.each([
    ["an index of images beside attestations", ociIndex, index, ociIndex],
    ["an index without its own type, by the header", ociIndex, { manifests: index.manifests }, ociIndex],
    ["an index of attestations only", ociIndex, { manifests: attestation }, "NotAnImage"],
    ["an empty index", ociIndex, { manifests: [] }, "NotAnImage"],
    [
      "a referrers' index",
      ociIndex,
      { manifests: [{ mediaType: oci, artifactType: "a/sbom" }] },
      "NotAnImage"
    ],
    [
      "an index of charts by its artifact type",
      ociIndex,
      { ...index, artifactType: "a/chart" },
      "NotAnImage"
    ],
    ["an image from nothing, without layers", oci, { config, layers: [] }, oci],
    [
      "an sbom under an image's config",
      oci,
      { config, layers: [{ mediaType: "text/spdx+json" }] },
      "NotAnImage"
    ],
    [
      "a type in the body where the header is general",
      "application/json",
      { mediaType: oci, config, layers },
      oci
    ],
    ["a header with a parameter", `${oci}; charset=utf-8`, { config, layers }, oci],
    [
      "schema 1",
      "application/vnd.docker.distribution.manifest.v1+prettyjws",
      { schemaVersion: 1 },
      "NotAnImage"
    ],
    ["no type anywhere", undefined, { config, layers }, "NotAnImage"],
    ["a body of another type than the header", oci, { mediaType: ociIndex, ...index }, "Malformed"],
    ["an index that is an image as well", ociIndex, { ...index, layers, config }, "Malformed"],
    ["an image that is an index as well", oci, { config, layers, manifests: [] }, "Malformed"],
    ["an image without a config", oci, { layers }, "Malformed"],
    ["an index without entries", ociIndex, {}, "Malformed"],
    ["an array", oci, [], "Malformed"]
  ])("S10: knows %s", (_, contentType, manifest, expected) =>
    assert.strictEqual(outcome(contentType, manifest), expected)
  )

  it.prop(
    "X23: never throws",
    [Schema.Json, Schema.Json, Schema.Json, Schema.Json],
    ([mediaType, a, b, c]) => {
      for (const type of [oci, ociIndex, undefined]) {
        outcome(type, { mediaType, config: a, layers: b, manifests: c })
        outcome(type, { config: a, layers: [b, c] })
        outcome(type, { manifests: [a, b], artifactType: c })
        outcome(type, a)
      }
    }
  )
})
