import { assert, describe, it } from "@effect/vitest"
import { isImageOfAll } from "../../src/decide/observedImage.ts"
import { desired, digest, history, marker, runs, tag, task } from "./situations.ts"

const other = { task: "worker" }
const both = (...tasks: readonly [ReturnType<typeof task>, ReturnType<typeof task>]) =>
  runs(tasks[0], { tasks })
const written = (letter: string) => ({ tag: tag("stable"), digest: digest(letter) })

describe("an image of all tasks", () => {
  it.each([
    ["one image", both(task("stable", "a"), task("stable", "a", other)), "a", true],
    ["another tag of one digest", both(task("stable", "a"), task("v1.0.0", "a", other)), "a", false],
    ["another digest of one tag", both(task("stable", "a"), task("stable", "b", other)), "a", false],
    [
      "a digest that nobody knows yet can be any",
      both(task("stable", "a"), task("stable", null, other)),
      "a",
      true
    ],
    ["so can that of the image", both(task("stable", null), task("stable", "a", other)), null, true],
    [
      "in tag form the marker's attempt says the digest",
      both(
        task("stable", null, { marker: marker(1) }),
        task("stable", null, { ...other, marker: marker(2) })
      ),
      "a",
      false
    ]
  ] as const)("S22: %s", (_, observed, letter, is) => {
    const image = { tag: tag("stable"), digest: letter === null ? null : digest(letter) }
    const markers = new Map([
      [marker(1), written("a")],
      [marker(2), written("b")]
    ])
    // As before first sight.
    const unseen = desired({ baselineTag: null, baselineDigest: null, baselineAt: null })
    assert.strictEqual(isImageOfAll(image, observed, unseen, history({ markers })), is)
  })
})
