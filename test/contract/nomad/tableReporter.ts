import { writeFileSync } from "node:fs"
import type { Reporter, TestCase } from "vitest/node"
import type { TestRun } from "./table.ts"

/** Tells `run.ts`, through the file that `CONTRACT_RUNS` names, what became of each test; prints those that failed. */
export default class TableReporter implements Reporter {
  readonly #runs: Array<TestRun> = []

  onTestCaseResult(test: TestCase): void {
    const result = test.result()
    const target = test.fullName.includes("nomad contract: simulator") ? "simulator" : "agent"
    const note = result.state === "skipped" ? (result.note ?? "") : ""
    this.#runs.push({ target, name: test.name, state: result.state, note })
    if (result.state !== "failed") return
    for (const error of result.errors) process.stderr.write(`\n${target}: ${test.name}\n${error.message}\n`)
  }

  onTestRunEnd(_: unknown, errors: ReadonlyArray<{ readonly message: string }>): void {
    for (const error of errors) process.stderr.write(`\n${error.message}\n`)
    const file = process.env["CONTRACT_RUNS"]
    if (file !== undefined) writeFileSync(file, JSON.stringify(this.#runs))
  }
}
