import { Result } from "effect"
import { Malformed, NotAnImage } from "./RegistryError.ts"
import { isObject, parseJsonObject } from "./parseJsonObject.ts"

const indexTypes: ReadonlyArray<string> = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json"
]
const manifestTypes: ReadonlyArray<string> = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json"
]
const configTypes: ReadonlyArray<string> = [
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json"
]
const layerPrefixes = ["application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs."]

/** All four at once: for a type left out a registry answers 404, or converts to one with another digest. */
export const acceptManifests = [...indexTypes, ...manifestTypes].join(", ")

/**
 * The media type of an image or an index of images (S10), by what the manifest says and not by its tag:
 * charts, signatures, attestations and caches are `NotAnImage`. A cosign signature has an image's config type,
 * so the layers are looked at as well.
 */
export const imageMediaType = (
  contentType: string | undefined,
  body: string
): Result.Result<string, Malformed | NotAnImage> => {
  const sent = mediaType(contentType)
  const manifest = parseJsonObject(body)
  if (manifest === undefined) return malformed("the manifest is no JSON object")
  const own = typeof manifest["mediaType"] === "string" ? manifest["mediaType"] : undefined
  const type = isManifestType(sent) ? sent : (own ?? sent)
  if (!isManifestType(type)) return notAnImage(type === "" ? "a manifest without a media type" : type)
  // CVE-2021-41190: one document read as an index by one client and as a manifest by the next.
  if (own !== undefined && own !== type) return malformed(`the manifest is sent as ${type} and says ${own}`)
  const isIndex = indexTypes.includes(type)
  const foreign = isIndex ? ["config", "layers"] : ["manifests"]
  if (foreign.some((key) => Object.hasOwn(manifest, key))) {
    return malformed("the manifest is an image and an index at once")
  }
  return isIndex ? ofIndex(manifest, type) : ofManifest(manifest, type)
}

/** A media type without its parameters, in lower case; `""` for none. */
export const mediaType = (contentType: unknown): string =>
  typeof contentType === "string" ? (contentType.split(";")[0] ?? "").trim().toLowerCase() : ""

/** False for schema 1 and whatever else is not to be hashed or deployed. */
export const isManifestType = (type: string): boolean =>
  indexTypes.includes(type) || manifestTypes.includes(type)

type Verdict = Result.Result<string, Malformed | NotAnImage>

const ofManifest = (manifest: Readonly<Record<string, unknown>>, type: string): Verdict => {
  const config = manifest["config"]
  const layers = manifest["layers"]
  if (!isObject(config) || !Array.isArray(layers)) return malformed("the manifest has no config or no layers")
  const kind = effectiveType(manifest) ?? mediaType(config["mediaType"])
  if (!configTypes.includes(kind)) return notAnImage(kind)
  const layerTypes = layers.map((layer: unknown) => (isObject(layer) ? mediaType(layer["mediaType"]) : ""))
  const isImage =
    layerTypes.length === 0 ||
    layerTypes.some((layer) => layerPrefixes.some((prefix) => layer.startsWith(prefix)))
  return isImage ? Result.succeed(type) : notAnImage(layerTypes[0] ?? "")
}

/** One entry that may be an image is enough: referrers' indexes have none, attestations stand beside images. */
const ofIndex = (index: Readonly<Record<string, unknown>>, type: string): Verdict => {
  const entries = index["manifests"]
  if (!Array.isArray(entries)) return malformed("the index has no manifests")
  const kind = effectiveType(index)
  if (kind !== undefined) return notAnImage(kind)
  return entries.some(
    (entry: unknown) =>
      isObject(entry) &&
      isManifestType(mediaType(entry["mediaType"])) &&
      effectiveType(entry) === undefined &&
      !isAttestation(entry)
  )
    ? Result.succeed(type)
    : notAnImage("an index without images")
}

const effectiveType = ({ artifactType }: Readonly<Record<string, unknown>>): string | undefined =>
  typeof artifactType === "string" && artifactType !== "" ? artifactType : undefined

const isAttestation = ({ annotations }: Readonly<Record<string, unknown>>): boolean =>
  isObject(annotations) && annotations["vnd.docker.reference.type"] === "attestation-manifest"

const malformed = (words: string): Verdict => Result.fail(new Malformed({ words }))
/** The registry's word, cut: it goes into messages. */
const notAnImage = (type: string): Verdict =>
  Result.fail(new NotAnImage({ mediaType: type.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 255) }))
