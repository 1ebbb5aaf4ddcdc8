import { assert, describe, it } from "@effect/vitest"
import { fewestColumns, picture } from "../../src/demo/picture.ts"
import type { Scene } from "../../src/demo/Scene.ts"
import { rowsOf } from "../../src/demo/rowsOf.ts"
import { wrap } from "../../src/demo/wrap.ts"

const digest = `sha256:${"0123456789abcdef".repeat(4)}`
const scene: Scene = {
  registry: [
    { name: "api", tag: "v1.1.0", digest, isBad: true },
    { name: "web", tag: "a-tag-that-is-long", digest: "", isBad: false }
  ],
  instances: [
    { name: "a", role: "killed" },
    { name: "b", role: "acts" }
  ],
  jobs: [
    { name: "api", tag: "v1.0.0", digest, isRolling: false },
    { name: "web", tag: "stable", digest, isRolling: true }
  ],
  isReading: false,
  isDeploying: true,
  why: new Map()
}

describe("the demo's picture", () => {
  it("has registry, instances and jobs side by side", () => {
    assert.deepStrictEqual(picture(scene, 0, 80), [
      "  Registry                        Controller          Nomad",
      " ╭────────────────────────╮      ╭────────────╮      ╭────────────────────────╮",
      " │ ✖ api  v1.1.0  0123456 │ ───▶ │ a ✖ killed │ ●━━▶ │ ● api  v1.0.0  0123456 │",
      " │   web  a-tag-…         │      │ b ● acts   │      │ ◐ web  stable  0123456 │",
      " ╰────────────────────────╯      ╰────────────╯      ╰────────────────────────╯"
    ])
  })

  it("moves the dot by one place a frame, from the beginning to the end and again", () => {
    const ways = [1, 2, 3].map((frame) => /killed │ (\S+) │/.exec(picture(scene, frame, 80)[2] ?? "")?.[1])
    assert.deepStrictEqual(ways, ["━●━▶", "━━●▶", "●━━▶"])
  })

  it("never reaches the last column, where a terminal would break the line", () => {
    for (let columns = fewestColumns; columns < 200; columns++) {
      for (const line of picture(scene, 1, columns)) assert.isBelow(line.length, columns)
    }
  })

  it("takes more rows where the window was made narrower", () => {
    assert.strictEqual(rowsOf([], 80), 0)
    assert.strictEqual(
      rowsOf(["", "x".repeat(80), "x".repeat(81), `\u001b[32m${"x".repeat(80)}\u001b[0m`], 80),
      5
    )
  })

  it("breaks sentences between words, each line behind its indent", () => {
    assert.deepStrictEqual(wrap("one two three", 9, "  "), ["  one two", "  three"])
    assert.deepStrictEqual(wrap("incomprehensible", 9, "  "), ["  incomprehensible"])
  })
})
