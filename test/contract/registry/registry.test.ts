import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { execFile } from "node:child_process"
import { randomUUID } from "node:crypto"
import { RegistryClient } from "../../../src/registry/RegistryClient.ts"
import { buildImage, buildIndex, sha256 } from "../../../src/sim/registry/image.ts"
import { RegistrySimulator } from "../../../src/sim/RegistrySimulator.ts"
import { dockerRegistry, realPart } from "../../real/dockerRegistry.ts"
import { ask, push, uploadBlob, type Wire } from "../../real/wire.ts"
import { clientOf, endpoint, tag } from "../../registry/against.ts"

/** The registry that the suite runs against; the statements hold for each. */
class Subject extends Context.Service<Subject, Wire>()("test/Subject") {}

const simulator = Layer.effect(
  Subject,
  Effect.map(RegistrySimulator, ({ origin }) => ({ origin }))
).pipe(Layer.provide(RegistrySimulator.layer()))
const real = Layer.effect(Subject, dockerRegistry())
const given = process.env["REGISTRY_URL"]

const subjects: Array<readonly [string, Layer.Layer<Subject>]> = [["RegistrySimulator", simulator]]
if (given !== undefined) {
  subjects.push(["REGISTRY_URL", Layer.succeed(Subject, { origin: new URL(given) })])
} else if (realPart("docker-registry") !== undefined) {
  subjects.push(["docker-registry", real])
}

/** The suites that did not find their real part are in the report as skipped, not absent. */
if (subjects.length === 1) describe.skip("docker-registry", () => it("is not on PATH", () => {}))

const skopeo = realPart("skopeo")

const oci = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json"
const v1 = buildImage("v1")
const v2 = buildImage("v2")
const codeOf = (body: Buffer) =>
  (JSON.parse(body.toString()) as { errors: ReadonlyArray<{ code: string }> }).errors[0]?.code
const tagsOf = (body: Buffer) => (JSON.parse(body.toString()) as { tags: unknown }).tags

/** A path of one's own: the registry at REGISTRY_URL keeps what other runs pushed. */
const repository = () => `contract/${randomUUID()}`

describe.each(subjects)("the contract of %s", (_, subject) => {
  layer(subject)((it) => {
    it.effect("1: answers GET /v2/ with 200 and an empty object", () =>
      Effect.gen(function* () {
        const answer = yield* ask(yield* Subject, "GET", "/v2/")
        assert.strictEqual(answer.status, 200)
        assert.strictEqual(answer.headers.get("docker-distribution-api-version"), "registry/2.0")
        assert.deepStrictEqual(JSON.parse(answer.body.toString()), {})
      })
    )

    it.effect("2: has no listing of a repository that nobody pushed to: 404 NAME_UNKNOWN", () =>
      Effect.gen(function* () {
        const answer = yield* ask(yield* Subject, "GET", `/v2/${repository()}/tags/list`)
        assert.deepStrictEqual([answer.status, codeOf(answer.body)], [404, "NAME_UNKNOWN"])
      })
    )

    it.effect("3: answers a name outside the grammar with 404 in plain text", () =>
      Effect.gen(function* () {
        const answer = yield* ask(yield* Subject, "GET", "/v2/Team/_api/tags/list")
        assert.strictEqual(answer.status, 404)
        assert.strictEqual(answer.headers.get("content-type"), "text/plain; charset=utf-8")
      })
    )

    it.effect("4: lists only by GET: HEAD is 405", () =>
      Effect.gen(function* () {
        const wire = yield* Subject
        const image = repository()
        yield* push(wire, image, "v1", v1)
        assert.strictEqual((yield* ask(wire, "HEAD", `/v2/${image}/tags/list`)).status, 405)
      })
    )

    it.effect("5: lists every tag under the repository's name, an overwritten one once", () =>
      Effect.gen(function* () {
        const wire = yield* Subject
        const image = repository()
        yield* push(wire, image, "v1", v1)
        yield* push(wire, image, "stable", v1)
        yield* push(wire, image, "stable", v2)
        const answer = yield* ask(wire, "GET", `/v2/${image}/tags/list`)
        assert.strictEqual(answer.status, 200)
        assert.match(answer.headers.get("content-type") ?? "", /^application\/json/)
        const { name, tags } = JSON.parse(answer.body.toString()) as { name: string; tags: Array<string> }
        assert.strictEqual(name, image)
        assert.deepStrictEqual(tags.toSorted(), ["stable", "v1"])
      })
    )

    it.effect("6: answers HEAD with digest, type and the length of the GET's body, and no body", () =>
      Effect.gen(function* () {
        const wire = yield* Subject
        const image = repository()
        const digest = yield* push(wire, image, "v1", v1)
        const head = yield* ask(wire, "HEAD", `/v2/${image}/manifests/v1`, { accept: oci })
        assert.strictEqual(head.status, 200)
        assert.strictEqual(head.headers.get("docker-content-digest"), digest)
        assert.strictEqual(head.headers.get("etag"), `"${digest}"`)
        assert.strictEqual(head.headers.get("content-type"), v1.mediaType)
        assert.strictEqual(head.headers.get("content-length"), String(v1.body.length))
        assert.strictEqual(head.body.length, 0)
      })
    )

    it.effect("7: keeps a manifest's bytes, by tag and by digest; the digest is theirs", () =>
      Effect.gen(function* () {
        const wire = yield* Subject
        const image = repository()
        const digest = yield* push(wire, image, "v1", v1)
        assert.strictEqual(digest, sha256(v1.body))
        for (const reference of ["v1", digest]) {
          const answer = yield* ask(wire, "GET", `/v2/${image}/manifests/${reference}`, { accept: oci })
          assert.strictEqual(answer.body.toString(), v1.body.toString())
          assert.strictEqual(answer.headers.get("docker-content-digest"), digest)
        }
      })
    )

    it.effect("8: hides an OCI manifest from an Accept header without its type: 404 MANIFEST_UNKNOWN", () =>
      Effect.gen(function* () {
        const wire = yield* Subject
        const image = repository()
        yield* push(wire, image, "v1", v1)
        const docker = "application/vnd.docker.distribution.manifest.v2+json"
        const answer = yield* ask(wire, "GET", `/v2/${image}/manifests/v1`, { accept: docker })
        assert.deepStrictEqual([answer.status, codeOf(answer.body)], [404, "MANIFEST_UNKNOWN"])
      })
    )

    it.effect(
      "9: answers a tag or a digest that is not there with 404 MANIFEST_UNKNOWN, HEAD without a body",
      () =>
        Effect.gen(function* () {
          const wire = yield* Subject
          const image = repository()
          yield* push(wire, image, "v1", v1)
          for (const reference of ["v2", sha256(v2.body)]) {
            const path = `/v2/${image}/manifests/${reference}`
            const answer = yield* ask(wire, "GET", path, { accept: oci })
            assert.deepStrictEqual([answer.status, codeOf(answer.body)], [404, "MANIFEST_UNKNOWN"])
            const head = yield* ask(wire, "HEAD", path, { accept: oci })
            assert.deepStrictEqual([head.status, head.body.length], [404, 0])
          }
        })
    )

    it.effect("10: moves an overwritten tag and keeps the digest it had", () =>
      Effect.gen(function* () {
        const wire = yield* Subject
        const image = repository()
        const before = yield* push(wire, image, "stable", v1)
        const after = yield* push(wire, image, "stable", v2)
        const head = yield* ask(wire, "HEAD", `/v2/${image}/manifests/stable`, { accept: oci })
        assert.strictEqual(head.headers.get("docker-content-digest"), after)
        const old = yield* ask(wire, "HEAD", `/v2/${image}/manifests/${before}`, { accept: oci })
        assert.strictEqual(old.status, 200)
      })
    )

    it.effect("11: deletes a manifest by digest with its tags; no tag left is a null, not a 404", () =>
      Effect.gen(function* () {
        const wire = yield* Subject
        const image = repository()
        const digest = yield* push(wire, image, "v1", v1)
        const gone = yield* ask(wire, "DELETE", `/v2/${image}/manifests/${digest}`)
        assert.strictEqual(gone.status, 202)
        const answer = yield* ask(wire, "GET", `/v2/${image}/tags/list`)
        assert.deepStrictEqual([answer.status, tagsOf(answer.body)], [200, null])
        const again = yield* ask(wire, "DELETE", `/v2/${image}/manifests/${digest}`)
        assert.deepStrictEqual([again.status, codeOf(again.body)], [404, "MANIFEST_UNKNOWN"])
      })
    )

    it.effect("12: has no listing of a repository with untagged manifests only", () =>
      Effect.gen(function* () {
        const wire = yield* Subject
        const image = repository()
        yield* push(wire, image, sha256(v1.body), v1)
        const answer = yield* ask(wire, "GET", `/v2/${image}/tags/list`)
        assert.deepStrictEqual([answer.status, codeOf(answer.body)], [404, "NAME_UNKNOWN"])
      })
    )

    it.effect("13: takes a blob in pieces, and refuses one that is not what its digest says", () =>
      Effect.gen(function* () {
        const wire = yield* Subject
        const image = repository()
        const bytes = Buffer.from("a blob in two pieces")
        const begun = yield* ask(wire, "POST", `/v2/${image}/blobs/uploads/`)
        assert.strictEqual(begun.status, 202)
        const type = { "content-type": "application/octet-stream" }
        const at = new URL(begun.headers.get("location") ?? "", wire.origin)
        const patched = yield* ask(wire, "PATCH", at.pathname + at.search, type, bytes.subarray(0, 9))
        assert.deepStrictEqual([patched.status, patched.headers.get("range")], [202, "0-8"])
        const end = new URL(patched.headers.get("location") ?? "", wire.origin)
        end.searchParams.set("digest", sha256(bytes))
        const put = yield* ask(wire, "PUT", end.pathname + end.search, type, bytes.subarray(9))
        assert.deepStrictEqual([put.status, put.headers.get("docker-content-digest")], [201, sha256(bytes)])
        const head = yield* ask(wire, "HEAD", `/v2/${image}/blobs/${sha256(bytes)}`)
        assert.deepStrictEqual([head.status, head.headers.get("content-length")], [200, "20"])
        const other = yield* ask(wire, "HEAD", `/v2/${image}/blobs/${sha256(Buffer.from("other"))}`)
        assert.strictEqual(other.status, 404)

        const wrong = yield* ask(wire, "POST", `/v2/${image}/blobs/uploads/`)
        const target = new URL(wrong.headers.get("location") ?? "", wire.origin)
        target.searchParams.set("digest", sha256(Buffer.from("other")))
        const refused = yield* ask(wire, "PUT", target.pathname + target.search, type, bytes)
        assert.deepStrictEqual([refused.status, codeOf(refused.body)], [400, "DIGEST_INVALID"])
      })
    )

    it.effect("14: mounts a blob from another repository", () =>
      Effect.gen(function* () {
        const wire = yield* Subject
        const [from, to] = [repository(), repository()]
        const bytes = Buffer.from("mounted")
        assert.strictEqual((yield* uploadBlob(wire, from, bytes)).status, 201)
        const path = `/v2/${to}/blobs/uploads/?mount=${sha256(bytes)}&from=${from}`
        assert.strictEqual((yield* ask(wire, "POST", path)).status, 201)
        assert.strictEqual(
          (yield* ask(wire, "GET", `/v2/${to}/blobs/${sha256(bytes)}`)).body.toString(),
          "mounted"
        )
      })
    )

    it.effect("15: refuses a manifest that is no JSON: 400 MANIFEST_INVALID", () =>
      Effect.gen(function* () {
        const wire = yield* Subject
        const type = { "content-type": v1.mediaType }
        const answer = yield* ask(wire, "PUT", `/v2/${repository()}/manifests/v1`, type, Buffer.from("{"))
        assert.deepStrictEqual([answer.status, codeOf(answer.body)], [400, "MANIFEST_INVALID"])
      })
    )

    it.effect(
      "16: is read by our client: tags, digests, an index as one, what is missing by its reason",
      () =>
        Effect.gen(function* () {
          const wire = yield* Subject
          const image = repository()
          const digest = yield* push(wire, image, "v1", v1)
          const platforms = [
            ["amd64", v1],
            ["arm64", buildImage("v1", "arm64")]
          ] as const
          for (const [, built] of platforms) yield* push(wire, image, sha256(built.body), built)
          const index = yield* push(wire, image, "multi", buildIndex(platforms))
          yield* Effect.gen(function* () {
            const client = yield* RegistryClient
            const at = { registry: "local", image }
            assert.sameMembers([...(yield* client.tags(at))], ["v1", "multi"])
            assert.strictEqual(yield* client.resolve(at, tag("v1")), digest)
            assert.strictEqual(yield* client.resolve(at, tag("multi")), index)
            const { mediaType } = yield* client.manifest(at, tag("multi"))
            assert.strictEqual(mediaType, "application/vnd.oci.image.index.v1+json")
            const missing = yield* Effect.flip(client.resolve(at, tag("v9")))
            assert.strictEqual(missing.reason._tag, "TagNotFound")
            const nowhere = yield* Effect.flip(client.tags({ registry: "local", image: repository() }))
            assert.strictEqual(nowhere.reason._tag, "RepositoryNotFound")
          }).pipe(Effect.provide(clientOf(endpoint(wire.origin))))
        })
    )

    it.effect.skipIf(skopeo === undefined)("17: takes and gives what skopeo copies", () =>
      Effect.gen(function* () {
        const wire = yield* Subject
        const [from, to] = [repository(), repository()]
        const digest = yield* push(wire, from, "v1", v1)
        const name = (image: string) => `docker://${wire.origin.host}/${image}:v1`
        const plain = ["--src-tls-verify=false", "--dest-tls-verify=false"]
        yield* skopeoCopy([...plain, name(from), name(to)])
        const head = yield* ask(wire, "HEAD", `/v2/${to}/manifests/v1`, { accept: oci })
        assert.strictEqual(head.headers.get("docker-content-digest"), digest)
      })
    )
  })
})

const skopeoCopy = (args: ReadonlyArray<string>) =>
  Effect.callback<void>((resume) => {
    execFile("skopeo", ["copy", "--quiet", "--preserve-digests", ...args], (error, _, words) =>
      resume(error === null ? Effect.void : Effect.die(new Error(words)))
    )
  })
