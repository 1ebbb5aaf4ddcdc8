import { Clock, Effect, Redacted, Result } from "effect"
import { createHash } from "node:crypto"
import { type Digest, isDigest } from "../domain/Digest.ts"
import type { RegistryEndpoint } from "../domain/RegistryEndpoint.ts"
import type { Tag } from "../domain/Tag.ts"
import { type Authorization, makeAuthorizer, type Purpose } from "./Authorizer.ts"
import { type Answer, endsIn, type Request } from "./Exchange.ts"
import { monotonicMs } from "./HostPause.ts"
import { acceptManifests, imageMediaType, isManifestType, mediaType } from "./imageManifest.ts"
import { nextPage } from "./nextPage.ts"
import { refusal } from "./refusal.ts"
import { Malformed, NotAnImage, RepositoryNotFound, TagNotFound } from "./RegistryError.ts"
import type { RegistryLimits } from "./RegistryLimits.ts"
import { openSender } from "./sender.ts"
import { parseTagPage } from "./tagPage.ts"

/** The largest page that ECR and distribution 3.1.0 accept. */
const pageSize = 1_000
/** A registry whose HEAD brought no digest is asked by GET for this long, then by HEAD again. */
const headAgainMs = 3_600_000

/** One registry of the config. Its methods are `RegistryClient`'s, by image path. */
export const openEndpoint = Effect.fnUntraced(function* (endpoint: RegistryEndpoint, limits: RegistryLimits) {
  const send = yield* openSender(endpoint, limits)
  const authorizer = yield* makeAuthorizer(endpoint, limits, send)
  const api = new URL("/v2/", endpoint.origin).href
  let headAgainAt = 0

  const request = Effect.fnUntraced(function* (
    image: string,
    purpose: Purpose,
    wanted: Omit<Request, "headers"> & { readonly accept: string }
  ) {
    const asked = (authorization: Authorization | undefined) =>
      send({
        ...wanted,
        headers: {
          accept: wanted.accept,
          ...(authorization && { authorization: Redacted.value(authorization.header) })
        }
      })
    const first = yield* authorizer.before(image, purpose)
    const answer = yield* asked(first)
    if (answer.status !== 401) return answer
    const second = yield* authorizer.after(answer, first, { url: wanted.url, image, purpose })
    const again = yield* asked(second)
    if (again.status === 401) yield* authorizer.forget(second)
    return again
  })

  const tags = Effect.fnUntraced(function* (image: string) {
    const endsAt = endsIn(limits.listingMs)
    const found = new Set<Tag>()
    const asked = new Set<string>()
    let query = `?n=${pageSize}`
    while (true) {
      if (asked.has(query)) return yield* new Malformed({ words: "a next page that was read before" })
      if (asked.size === limits.pages) {
        return yield* new Malformed({ words: `a listing of more than ${limits.pages} pages` })
      }
      asked.add(query)
      const url = new URL(`${api}${image}/tags/list${query}`)
      const answer = yield* request(image, "tags", {
        method: "GET",
        url,
        accept: "application/json",
        maxBytes: limits.tagsPageBytes,
        endsAt: Math.min(endsAt, endsIn(limits.totalMs))
      })
      if (answer.status === 404 && asked.size === 1) return yield* new RepositoryNotFound()
      if (answer.status !== 200) return yield* refused(answer)
      const page = yield* parsed(parseTagPage(answer.body.toString("utf8"), image))
      const before = found.size
      for (const tag of page.tags) found.add(tag)
      if (found.size > limits.tags) {
        return yield* new Malformed({ words: `a listing of more than ${limits.tags} tags` })
      }
      const next = yield* parsed(nextPage(url, answer.headers["link"]))
      const last = page.tags.at(-1)
      if (next !== null) {
        query = next.search
      } else if (page.listed === pageSize && last !== undefined && found.size > before) {
        // Gitea pages without a link. Asked once more, a registry that ignores `last` brings nothing new.
        query = `?n=${pageSize}&last=${last}`
      } else {
        return Array.from(found)
      }
    }
  })

  const manifestAnswer = Effect.fnUntraced(function* (
    method: "GET" | "HEAD",
    image: string,
    reference: Tag | Digest
  ) {
    const answer = yield* request(image, "manifests", {
      method,
      url: new URL(`${api}${image}/manifests/${reference}`),
      accept: acceptManifests,
      maxBytes: limits.manifestBytes,
      endsAt: endsIn(limits.totalMs)
    })
    if (answer.status === 404) return yield* new TagNotFound({ tag: reference })
    return answer
  })

  const manifest = Effect.fnUntraced(function* (image: string, reference: Tag | Digest) {
    const answer = yield* manifestAnswer("GET", image, reference)
    if (answer.status !== 200) return yield* refused(answer)
    const digest = yield* verifiedDigest(answer, reference)
    const type = imageMediaType(header(answer, "content-type"), answer.body.toString("utf8"))
    return { digest, mediaType: yield* Effect.fromResult(type) }
  })

  const resolve = Effect.fnUntraced(function* (image: string, tag: Tag) {
    if ((yield* monotonicMs) >= headAgainAt) {
      const answer = yield* manifestAnswer("HEAD", image, tag)
      if (answer.status === 200) {
        yield* refuseSchema1(answer)
        const digest = announcedDigest(answer)
        if (digest !== undefined) return digest
      } else if (answer.status !== 405 && answer.status !== 501) {
        return yield* refused(answer)
      }
      headAgainAt = (yield* monotonicMs) + headAgainMs
    }
    return (yield* manifest(image, tag)).digest
  })

  return { tags, resolve, manifest }
})

const refused = (answer: Answer) =>
  Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.fail(refusal(answer, now)))

const parsed = <A>(result: Result.Result<A, string>) =>
  Effect.fromResult(Result.mapError(result, (words) => new Malformed({ words })))

const header = ({ headers }: Answer, name: string): string | undefined => {
  const value = headers[name]
  return typeof value === "string" ? value : undefined
}

const announcedDigest = (answer: Answer): Digest | undefined => {
  const digest = header(answer, "docker-content-digest")
  return isDigest(digest) ? digest : undefined
}

/** A schema 1 manifest's digest excludes its signatures, and is another one than a puller gets. */
const refuseSchema1 = (answer: Answer) => {
  const type = mediaType(header(answer, "content-type"))
  return /manifest\.v1\+(json|prettyjws)$/.test(type) && !isManifestType(type)
    ? Effect.fail(new NotAnImage({ mediaType: type }))
    : Effect.void
}

/** Digest of the exact bytes; it must be the one that was asked for and the one that was announced (S10). */
const verifiedDigest = Effect.fnUntraced(function* (answer: Answer, reference: Tag | Digest) {
  yield* refuseSchema1(answer)
  const announced = announcedDigest(answer)
  const expected = [isDigest(reference) ? reference : undefined, announced].filter(
    (digest) => digest !== undefined
  )
  for (const digest of expected) {
    if (digestOf(answer.body, algorithm(digest)) !== digest) {
      return yield* new Malformed({ words: `the manifest's bytes are not those of ${digest}` })
    }
  }
  return expected[0] ?? digestOf(answer.body, "sha256")
})

const algorithm = (digest: Digest): string => digest.slice(0, digest.indexOf(":"))

const digestOf = (body: Buffer, name: string): Digest =>
  `${name}:${createHash(name).update(body).digest("hex")}` as Digest
