import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { agentVersion } from "./agent.ts"
import { statementIn } from "./statements.ts"
import { brokenBy, markdownOf, rowsOf, type TestRun, textOf } from "./table.ts"

/*
 * Prints, for each statement of the contract with Nomad, whether it holds of the simulator and of a real agent: the
 * one at NOMAD_ADDR, or dev agents of our own where `nomad` is on PATH. Ends with 1 where one does not hold.
 *
 *   npm run contract [-- --write]      --write: into docs/nomad-contract.md as well
 */

const root = new URL("../../..", import.meta.url).pathname
const args = process.argv.slice(2)
const unknown = args.find((arg) => arg !== "--write")
if (unknown !== undefined) {
  process.stderr.write(`${unknown}: the only option is --write\n`)
  process.exit(2)
}

const folder = mkdtempSync(join(tmpdir(), "rw-contract-"))
const file = join(folder, "runs.json")
const vitest = join(root, "node_modules/vitest/vitest.mjs")
const reporter = join(root, "test/contract/nomad/tableReporter.ts")
spawnSync(process.execPath, [vitest, "run", "test/contract/nomad/nomad.test.ts", `--reporter=${reporter}`], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, CONTRACT_RUNS: file }
})
const runs = JSON.parse(readFileSync(file, "utf8")) as ReadonlyArray<TestRun>
rmSync(folder, { recursive: true, force: true })

const version = await agentVersion()
const rows = rowsOf(runs)
process.stdout.write(`${textOf(rows, version)}\n`)
const others = runs.filter(({ state, name }) => state === "failed" && statementIn(name) === undefined)
const broken = [...brokenBy(rows), ...others.map(({ target, name }) => `${target}: ${name}`)]
process.stdout.write(broken.length === 0 ? "\nthe contract holds\n" : `\n${broken.join("\n")}\n`)
if (args.includes("--write")) writeFileSync(join(root, "docs/nomad-contract.md"), markdownOf(rows, version))
if (broken.length > 0) process.exitCode = 1
