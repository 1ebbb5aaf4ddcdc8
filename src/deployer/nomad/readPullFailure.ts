import { plainLine } from "./plainLine.ts"

/** As the docker driver, podman's and containerd's tell it; then the engine's words. */
const pullFailed =
  /^(?:.{0,80}: )?(?:failed to pull|(?:failed to start task, )?unable to pull image|error in pulling image) `?[^\s`]+`?\s*: (.*)$/is
/** What engines and Nomad's plugins put in front of what the registry said. */
const wrapping =
  /^(?:Error response from daemon: |rpc error: code = \w+ desc = |unknown error, status code: \d+: )+/

/** The registry has no such thing (404): another pull of the same digest fails as well. */
const unknown = /\b(manifest|name|blob) unknown\b/i
const missing = /\bmanifest (?:for )?\S+ not found\b|\S: not found$|\bno matching manifest for\b/i
/** A string that no engine can read as an image, today or tomorrow. */
const malformed = /\binvalid reference format\b|does not match registry specification/i

/** Why an image could not be pulled, and whether the image itself is why; undefined: the driver failed at something else. */
export const readPullFailure = (
  driverError: string
): { readonly blame: "image" | "surroundings"; readonly words: string } | undefined => {
  const engine = pullFailed.exec(driverError.replace(wrapping, ""))?.[1]
  if (engine === undefined) return undefined
  const words = engine.trim().replace(wrapping, "")
  const said = unknown.exec(words)?.[0]
  const isImage = said !== undefined || missing.test(words) || malformed.test(words)
  return {
    blame: isImage ? "image" : "surroundings",
    words: `image pull failed: ${said ?? plainLine(words, 200)}`
  }
}
