import { assert, describe, it } from "@effect/vitest"
import { globSync, readFileSync } from "node:fs"
import { statementIn, statements } from "./statements.ts"
import { brokenBy, rowsOf, type TestRun } from "./table.ts"

/** The statements in the names of the tests, as they are written. */
const tested = globSync("test/contract/nomad/*.ts").flatMap((file) =>
  [...readFileSync(file, "utf8").matchAll(/it\.live\(\s*"([^"]*)"/g)].flatMap(
    ([, name = ""]) => statementIn(name) ?? []
  )
)
const written = readFileSync("docs/nomad-contract.md", "utf8")

const run = (name: string, state: TestRun["state"], target: TestRun["target"] = "simulator"): TestRun => ({
  target,
  name,
  state,
  note: "there is none"
})
const broken = (runs: ReadonlyArray<TestRun>) =>
  brokenBy(rowsOf(runs)).filter((each) => each.startsWith("statement 1,"))

describe("the statements of the contract with Nomad", () => {
  it("are 85, and each has one test", () => {
    assert.lengthOf(statements, 85)
    assert.deepStrictEqual(
      tested.map(({ number }) => number).toSorted((a, b) => a - b),
      [...statements]
    )
  })

  it("stand in docs/nomad-contract.md as they are: after a change of one `npm run contract -- --write`", () => {
    for (const { number, rule } of tested) assert.include(written, `\n| ${number} | ${rule} |`)
  })

  it.each([
    [
      "holds of the simulator alone",
      [run("statement 1: a", "passed"), run("statement 1: a", "skipped", "agent")],
      []
    ],
    [
      "was skipped on the simulator",
      [run("statement 1: a", "skipped")],
      ["statement 1, simulator: not run: there is none"]
    ],
    [
      "fails of the agent",
      [run("statement 1: a", "passed"), run("statement 1: a", "failed", "agent")],
      ["statement 1, agent: FAILS"]
    ],
    ["has no test", [run("statement 10: a", "passed")], ["statement 1, simulator: no test"]]
  ] as const)("a statement that %s", (_, runs, words) => {
    assert.deepStrictEqual(broken(runs), [...words])
  })
})
