// A reporter of vitest: which tests passed only when they were run again. Each is a fault, of the test or of the
// program, though it does not hold up CI.
import type { Reporter, TestCase } from "vitest/node"

export default class Unsteady implements Reporter {
  readonly #found: Array<string> = []

  onTestCaseResult(test: TestCase) {
    if (test.diagnostic()?.flaky !== true) return
    const words = test.result().errors?.map(({ message }) => message.split("\n", 1)[0])
    this.#found.push(`${test.module.relativeModuleId} > ${test.fullName}: ${words?.join("; ")}`)
  }

  onTestRunEnd() {
    for (const found of this.#found) console.log(`UNSTEADY, passed when run again: ${found}`)
  }
}
