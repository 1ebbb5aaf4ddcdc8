import { spawn } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Mutant, root } from "./Mutant.ts"
import { variable } from "./planted.ts"

/** One test that ran: names of its describes and its own, joined by spaces. */
export interface Ran {
  readonly file: string
  readonly name: string
  readonly passed: boolean
}

/** What of the report of vitest's `json` reporter is read. */
interface Report {
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly assertionResults: ReadonlyArray<{ readonly fullName: string; readonly status: string }>
  }>
}

const vitest = join(root, "node_modules/vitest/vitest.mjs")
const register = new URL("register.ts", import.meta.url).href
// A mutant may hang what it breaks: every test has its own deadline, and this is for those that have none.
const longest = 150_000

/** Runs the tests whose names have one of these texts; none in the answer means that vitest could not start. */
export const runTests = async (
  files: ReadonlyArray<string>,
  names: ReadonlyArray<string>,
  mutant?: Mutant
): Promise<ReadonlyArray<Ran>> => {
  const folder = mkdtempSync(join(tmpdir(), "rw-mutant-"))
  const report = join(folder, "report.json")
  const pattern = names.map((name) => name.replaceAll(/[^\w\s]/g, "\\$&")).join("|")
  const flags = [
    "run",
    ...files,
    "-t",
    pattern,
    "--reporter=json",
    `--outputFile=${report}`,
    "--maxWorkers=2"
  ]
  const child = spawn(process.execPath, [vitest, ...flags], {
    cwd: root,
    env: {
      ...process.env,
      // Processes that a test starts are mutated as well.
      ...(mutant !== undefined && { [variable]: mutant.id, NODE_OPTIONS: `--import=${register}` })
    },
    stdio: "ignore",
    detached: true
  })
  const deadline = setTimeout(() => child.pid !== undefined && process.kill(-child.pid, "SIGKILL"), longest)
  await new Promise((resolve) => child.once("exit", resolve))
  clearTimeout(deadline)
  try {
    const { testResults } = JSON.parse(readFileSync(report, "utf8")) as Report
    return testResults.flatMap(({ name: file, assertionResults }) =>
      assertionResults
        .filter(({ status }) => status === "passed" || status === "failed")
        .map(({ fullName, status }) => ({
          file: file.slice(root.length),
          name: fullName,
          passed: status === "passed"
        }))
    )
  } catch {
    return []
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
