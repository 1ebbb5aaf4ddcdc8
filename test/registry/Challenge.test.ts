import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { parseChallenges } from "../../src/registry/Challenge.ts"
import { fixture } from "./fixture.ts"

const vectors = fixture("www-authenticate") as ReadonlyArray<{
  readonly name: string
  readonly header: ReadonlyArray<string>
  readonly challenges: ReadonlyArray<{ readonly scheme: string; readonly params: object }>
}>

const seen = (header: string | ReadonlyArray<string>) =>
  parseChallenges(header).map(({ scheme, params }) => ({ scheme, params: { ...params } }))

describe("parseChallenges", () => {
  it("has vectors", () => assert.isAbove(vectors.length, 10))

  it.each(vectors.map((vector) => [vector.name, vector] as const))(
    "reads %s",
    (_, { header, challenges }) => {
      const expected = challenges.map(({ scheme, params }) => ({ scheme, params }))
      assert.deepStrictEqual(seen(header), expected)
      assert.deepStrictEqual(seen(header.join(", ")), expected)
    }
  )

  it.each([
    ["takes the first of a parameter given twice", 'Bearer realm="a",realm="b"', { realm: "a" }],
    ["keeps what stood before the garbage", 'Bearer realm="a",service="unclosed', { realm: "a" }],
    [
      "takes no inherited name for a parameter",
      'Bearer __proto__="x",realm="a"',
      Object.fromEntries([
        ["__proto__", "x"],
        ["realm", "a"]
      ])
    ]
  ])("%s", (_, header, params) => {
    assert.deepStrictEqual(Object.entries(parseChallenges(header)[0]?.params ?? {}), Object.entries(params))
  })

  it("has none without a header", () => assert.deepStrictEqual(parseChallenges(undefined), []))

  it.prop(
    "X23: never throws, and reads from any text only tokens as names",
    [
      Schema.Array(
        Schema.Union([Schema.String, Schema.Literals(["Bearer", " ", ",", "=", '"', "\\", "realm", "a=="])])
      )
    ],
    ([parts]) => {
      for (const { scheme, params } of parseChallenges(parts.join(""))) {
        for (const name of [scheme, ...Object.keys(params)]) assert.match(name, /^[^\s",;=()<>@]+$/)
      }
    }
  )

  it.prop("reads back any value that was quoted", [Schema.String], ([value]) => {
    const quoted = value.replaceAll(/["\\]/g, "\\$&")
    const line = `Bearer realm="${quoted}", Basic`
    // A line break can not stand in a header.
    if (/[\r\n\u2028\u2029]/.test(value)) return
    assert.deepStrictEqual(seen(line), [
      { scheme: "bearer", params: { realm: value } },
      { scheme: "basic", params: {} }
    ])
  })
})
