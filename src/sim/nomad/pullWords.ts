import { Schema } from "effect"

/** Why an image cannot be pulled. Only the first two lie with the image; the others with the registry or the way to it. */
export const PullReason = Schema.Literals([
  "manifest unknown",
  "access denied",
  "no credentials",
  "unauthorized",
  "connection refused",
  "no such host",
  "server error",
  "timeout"
])
export type PullReason = typeof PullReason.Type

/** The host of a reference as docker reads it: the first part, where it looks like one. */
const hostOf = (image: string): string => {
  const [first = "", ...rest] = image.split("/")
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost")
  return isHost ? first : "registry-1.docker.io"
}
const pathOf = (image: string): string => {
  const host = hostOf(image)
  return image.startsWith(`${host}/`) ? image.slice(host.length + 1) : image
}
const nameOf = (image: string): string => image.replace(/@.*$/, "").replace(/:[^/]*$/, "")
/** What docker asks of the registry for a reference. */
const manifestUrl = (image: string): string => {
  const [, digest] = image.split("@")
  const tag = /:([^/@]+)(?:@|$)/.exec(pathOf(image))?.[1] ?? "latest"
  return `https://${hostOf(image)}/v2/${nameOf(pathOf(image))}/manifests/${digest ?? tag}`
}

/**
 * The engine's answers. The recordings hold `manifest unknown`, `no credentials`, `connection refused` and `no such
 * host`, §8.1 of `nomad-api.md` has seen `unauthorized`; the others are as engines are reported to word them.
 */
const answers: Record<PullReason, (image: string) => string> = {
  "manifest unknown": (image) => `manifest for ${image} not found: manifest unknown: manifest unknown`,
  "access denied": (image) =>
    `pull access denied for ${nameOf(image)}, repository does not exist or may require 'docker login': denied: requested access to the resource is denied`,
  "no credentials": (image) => `Head "${manifestUrl(image)}": no basic auth credentials`,
  unauthorized: (image) => `Head "${manifestUrl(image)}": unauthorized: authentication required`,
  "connection refused": (image) =>
    `Get "https://${hostOf(image)}/v2/": dial tcp ${hostOf(image)}: connect: connection refused`,
  "no such host": (image) =>
    `Get "https://${hostOf(image)}/v2/": dial tcp: lookup ${hostOf(image).replace(/:.*$/, "")}: no such host`,
  "server error": () => "received unexpected HTTP status: 500 Internal Server Error",
  timeout: (image) =>
    `Get "https://${hostOf(image)}/v2/": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)`
}

/** The words of the docker driver for an image that it could not pull, `pulled` being the name it was asked for by. */
export const pullWords = (image: string, reason: PullReason, pulled = image): string =>
  `Failed to pull \`${image}\`: Error response from daemon: ${answers[reason](pulled)}`
