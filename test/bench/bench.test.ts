import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import type { Report } from "./report.ts"

const run = (...args: ReadonlyArray<string>) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["test/bench/run.ts", ...args])
  return { status, stdout: stdout.toString(), stderr: stderr.toString() }
}

describe("npm run bench", () => {
  it("answers one document with --json, each figure beside its ceiling", () => {
    const { status, stdout } = run("elect", "--quick", "--json")
    const reports = JSON.parse(stdout) as ReadonlyArray<Report>
    assert.deepEqual([status, reports.map(({ program }) => program)], [0, ["elect"]])
    for (const { value, ceiling, ratio } of reports[0]?.rows ?? []) {
      assert.closeTo(ratio ?? 0, value / (ceiling ?? 0), 1e-9)
    }
    assert.lengthOf(reports[0]?.rows ?? [], 2)
  })

  it("refuses a name that it does not know before it measures", () => {
    const { status, stderr } = run("elect", "elekt")
    assert.deepEqual([status, stderr], [64, "bench: there is no elekt; see --help\n"])
  })
})
