import { assert, describe, it } from "@effect/vitest"
import { suspect } from "../../src/decide/suspicion.ts"
import { tag } from "./situations.ts"

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, n) => tag(`v1.${from + n}.0`))
const all = numbered(0, 20)

describe("suspect", () => {
  it.each([
    ["the first listing ever is believed", null, [], [], null],
    ["an empty one too, where nothing was listed before", [], [], [], null],
    ["404 after a good listing", all, null, [], "not_found"],
    ["an empty list after a good one", all, [], [], "empty"],
    ["the tag that runs is gone", all, numbered(0, 19), [tag("v1.19.0")], "running_tag_gone"],
    ["a tag that runs and was never listed is not missed", all, all, [tag("v9.0.0")], null],
    ["a fifth gone is a clean-up", all, numbered(4, 20), [], null],
    ["more than a fifth gone", all, numbered(5, 20), [], "many_tags_gone"],
    ["three of three gone, one new: few tags are few", numbered(0, 3), numbered(3, 4), [], null],
    ["new tags make up for none", all, numbered(5, 40), [], "many_tags_gone"]
  ] as const)("S9: %s", (_, before, listed, running, expected) =>
    assert.strictEqual(suspect(before, listed, running), expected)
  )
})
