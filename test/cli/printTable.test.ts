import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestConsole } from "effect/testing"
import { printTable } from "../../src/cli/printTable.ts"

const words = "held by ann: the fair; it would deploy v1.1.0"

const printed = (rows: ReadonlyArray<ReadonlyArray<string>>, columns: number) =>
  Effect.andThen(printTable(rows, columns), TestConsole.logLines)

describe("printTable", () => {
  it.effect.each([
    ["one line a row where nobody said how wide it is", "api", 0, ["NAME  WHY", `api   ${words}`]],
    ["one line a row where it fits", "api", 51, ["NAME  WHY", `api   ${words}`]],
    [
      "the last column is folded between words",
      "api",
      40,
      ["NAME  WHY", "api   held by ann: the fair; it would", "      deploy v1.1.0"]
    ],
    [
      "too narrow a last column stands below its row",
      "team/of/many/words",
      40,
      ["NAME", "    WHY", "team/of/many/words", "    held by ann: the fair; it would", "    deploy v1.1.0"]
    ],
    [
      "a word that is longer than all has a line to itself",
      "api",
      9,
      ["NAME", "    WHY", "api", ...words.split(" ").flatMap((word) => [`    ${word}`])]
    ]
  ] as const)("%s", ([, name, columns, lines]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* printed(
          [
            ["NAME", "WHY"],
            [name, words]
          ],
          columns
        ),
        [...lines]
      )
    })
  )
})
