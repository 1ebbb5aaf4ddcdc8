import { assert, describe, it } from "@effect/vitest"
import { Option, Schema } from "effect"
import { readFileSync } from "node:fs"
import { parseImageReference, printImageReference } from "../../src/domain/ImageReference.ts"

const Vector = Schema.Struct({
  input: Schema.String,
  error: Schema.optionalKey(Schema.Boolean),
  registry: Schema.optionalKey(Schema.String),
  repository: Schema.optionalKey(Schema.String),
  tag: Schema.optionalKey(Schema.NullOr(Schema.String)),
  digest: Schema.optionalKey(Schema.NullOr(Schema.String))
})
const vectors = Schema.decodeUnknownSync(Schema.Array(Vector))(
  JSON.parse(readFileSync(new URL("../fixtures/registry/image-references.json", import.meta.url), "utf8"))
)

describe("parseImageReference", () => {
  it.each(vectors.map((vector) => [vector.input, vector] as const))(
    "S23: reads %s as docker does",
    (input, vector) => {
      const parsed = Option.getOrNull(parseImageReference(input))
      if (vector.error === true) return assert.isNull(parsed)
      const { registry, repository, tag, digest } = parsed ?? {}
      assert.deepStrictEqual(
        [registry, repository, tag, digest],
        [vector.registry, vector.repository, vector.tag, vector.digest]
      )
      if (parsed !== null) assert.strictEqual(printImageReference(parsed), input)
    }
  )

  it.each([
    ["a port is no tag", "registry.test:5000/api", { registry: "registry.test:5000", tag: null }],
    [
      "the name stays as it was written",
      "docker.io/nginx:1",
      { name: "docker.io/nginx", repository: "library/nginx" }
    ],
    ["a host of one label needs its port", "myhost:5000/app", { registry: "myhost:5000", repository: "app" }]
  ])("S23: %s", (_, input, expected) =>
    assert.deepInclude(Option.getOrThrow(parseImageReference(input)), expected)
  )

  it.each([
    "",
    ":1",
    "a:b:c",
    "a@b@c",
    "host:port/app",
    "http://host/app",
    "[::1/app",
    "-host.test/app",
    "${IMAGE}",
    "a b",
    "a/b:\n"
  ])("S23: refuses %j", (input) => assert.isTrue(Option.isNone(parseImageReference(input))))

  const character = Schema.Literals([
    "a",
    "1",
    "A",
    ".",
    "-",
    "_",
    ":",
    "/",
    "@",
    "[",
    "]",
    "sha256:",
    "registry.test",
    "f".repeat(64)
  ])
  it.prop("S23: prints what it read, and never throws", [Schema.Array(character)], ([pieces]) => {
    const text = pieces.join("")
    return Option.match(parseImageReference(text), {
      onNone: () => true,
      onSome: (parsed) => printImageReference(parsed) === text
    })
  })
})
