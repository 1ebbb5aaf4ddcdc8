import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { isTag } from "../../src/domain/Tag.ts"
import { parseTagPage } from "../../src/registry/tagPage.ts"
import { fixture } from "./fixture.ts"

const vectors = fixture("tags-list-bodies") as ReadonlyArray<{
  readonly name: string
  readonly body: string
  readonly tags: ReadonlyArray<string>
}>
const tagsOf = (body: string, image: string) =>
  Result.match(parseTagPage(body, image), {
    onFailure: () => "refused",
    onSuccess: ({ tags }) => Array.from(new Set<string>(tags))
  })

describe("parseTagPage", () => {
  it.each(vectors.map((vector) => [vector.name, vector] as const))("reads %s", (_, { body, tags }) => {
    const { name } = JSON.parse(body) as { name: string }
    assert.deepStrictEqual(tagsOf(body, name), [...tags])
  })

  it.each([
    ["another repository's listing", '{"name":"team/other","tags":["v1"]}'],
    ["a listing without a name", '{"tags":["v1"]}'],
    ["half a listing", '{"name":"team/api","tags":["v1"'],
    ["tags that are no array", '{"name":"team/api","tags":{"v1":1}}'],
    ["an array", "[]"],
    ["nothing", ""]
  ])("S9: refuses %s", (_, body) => assert.strictEqual(tagsOf(body, "team/api"), "refused"))

  it.each([
    ["longer than 128", "a".repeat(129)],
    ["with a slash", "a/b"],
    ["with a line break", "v1\n"],
    ["beginning with a dash", "-v1"]
  ])("X14: drops an entry %s", (_, entry) =>
    assert.deepStrictEqual(tagsOf(JSON.stringify({ name: "a", tags: [entry, "v1"] }), "a"), ["v1"])
  )

  it("counts what was sent, dropped entries among them", () =>
    assert.strictEqual(
      Result.getOrThrow(parseTagPage('{"name":"a","tags":["v1",null,"v1"]}', "a")).listed,
      3
    ))

  it.prop("X23: never throws, and lets through only tags", [Schema.Json], ([tags]) => {
    const page = parseTagPage(JSON.stringify({ name: "a", tags }), "a")
    if (Result.isSuccess(page)) assert.isTrue(page.success.tags.every(isTag))
  })

  it.prop("X23: never throws on any text", [Schema.String], ([text]) => {
    parseTagPage(text, "a")
  })
})
